"""The OCI distribution API request by request, as its specification has them."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from pileus.compute.images.manifests import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, digest_of
from pileus.testing.images import config_of, tar_of
from tests.conformance.live import LivePlatform

LAYER = tar_of({"a": b"x" * 3000})
LOGIN = "Basic " + base64.b64encode(b"test:test").decode()


class Registry:
    """Requests over one connection."""

    def __init__(self, platform: LivePlatform) -> None:
        self._connection = http.client.HTTPConnection(platform.endpoint.partition("//")[2])

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent.setdefault("Authorization", LOGIN)
        self._connection.request(method, path, body, sent)
        answer = self._connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def error(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Any:
        status, _, raw = self.ask(method, path, body, **headers)
        return status, json.loads(raw)["errors"][0]["code"]

    def push(self, name: str, raw: bytes) -> str:
        digest = digest_of(raw)
        status, _, _ = self.ask("POST", f"/v2/{name}/blobs/uploads/?digest={digest}", raw)
        assert status == 201
        return digest


@pytest.fixture(scope="module")
def registry(live_platform: LivePlatform) -> Iterator[Registry]:
    for name in ("one", "two"):
        live_platform.client("ecr").create_repository(repositoryName=name + "/app")
    yield Registry(live_platform)


def _manifest(*layers: bytes) -> tuple[bytes, bytes]:
    config = config_of(layers)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": digest_of(config), "size": len(config)},
        "layers": [
            {"mediaType": OCI_LAYER, "digest": digest_of(raw), "size": len(raw)} for raw in layers
        ],
    }
    return json.dumps(document).encode(), config


def test_who_does_not_log_in_is_asked_to(registry: Registry) -> None:
    status, headers, raw = registry.ask("GET", "/v2/", Authorization="")
    assert status == 401
    assert headers["WWW-Authenticate"].startswith("Basic ")
    assert json.loads(raw)["errors"][0]["code"] == "UNAUTHORIZED"
    wrong = "Basic " + base64.b64encode(b"test:wrong").decode()
    assert registry.error("GET", "/v2/", Authorization=wrong) == (401, "UNAUTHORIZED")
    status, headers, _ = registry.ask("GET", "/v2/")
    assert (status, headers["Docker-Distribution-Api-Version"]) == (200, "registry/2.0")


def test_a_layer_comes_in_chunks_in_order(registry: Registry) -> None:
    status, headers, _ = registry.ask("POST", "/v2/one/app/blobs/uploads/")
    assert status == 202
    place = headers["Location"]
    status, headers, _ = registry.ask("PATCH", place, LAYER[:1000], Content_Range="0-999")
    assert (status, headers["Range"]) == (202, "0-999")
    told = registry.error("PATCH", place, LAYER[2000:], Content_Range="2000-2999")
    assert told == (416, "BLOB_UPLOAD_INVALID")
    status, headers, _ = registry.ask("GET", place)
    assert (status, headers["Range"]) == (204, "0-999")
    last = f"1000-{len(LAYER) - 1}"
    registry.ask("PATCH", place, LAYER[1000:], Content_Range=last)
    assert registry.error("PUT", f"{place}?digest={digest_of(b'x')}") == (400, "DIGEST_INVALID")
    digest = digest_of(LAYER)
    status, headers, _ = registry.ask("PUT", f"{place}?digest={digest}")
    assert (status, headers["Docker-Content-Digest"]) == (201, digest)
    assert registry.ask("GET", f"/v2/one/app/blobs/{digest}")[2] == LAYER
    assert registry.error("PATCH", place, b"x") == (404, "BLOB_UPLOAD_UNKNOWN")


def test_a_layer_is_read_in_part(registry: Registry) -> None:
    place = f"/v2/one/app/blobs/{registry.push('one/app', LAYER)}"
    status, headers, raw = registry.ask("GET", place, Range="bytes=512-521")
    assert (status, raw) == (206, LAYER[512:522])
    assert headers["Content-Range"] == f"bytes 512-521/{len(LAYER)}"
    assert registry.ask("GET", place, Range="bytes=99999-")[0] == 416
    status, headers, raw = registry.ask("HEAD", place)
    assert (status, headers["Content-Length"], raw) == (200, str(len(LAYER)), b"")


def test_a_layer_is_mounted_from_a_neighbour(registry: Registry) -> None:
    raw = tar_of({"b": b"y"})
    digest = registry.push("one/app", raw)
    assert registry.ask("HEAD", f"/v2/two/app/blobs/{digest}")[0] == 404
    query = f"mount={digest}&from=one/app"
    assert registry.ask("POST", f"/v2/two/app/blobs/uploads/?{query}")[0] == 201
    assert registry.ask("GET", f"/v2/two/app/blobs/{digest}")[2] == raw
    query = f"mount={digest_of(b'none')}&from=one/app"
    assert registry.ask("POST", f"/v2/two/app/blobs/uploads/?{query}")[0] == 202


def test_an_upload_is_given_up(registry: Registry) -> None:
    place = registry.ask("POST", "/v2/one/app/blobs/uploads/")[1]["Location"]
    registry.ask("PATCH", place, b"abc")
    assert registry.ask("DELETE", place)[0] == 204
    assert registry.error("GET", place) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_manifests_come_go_and_are_listed(registry: Registry) -> None:
    raw, config = _manifest(LAYER)
    place = "/v2/two/app/manifests/"
    put = {"Content_Type": OCI_MANIFEST}
    assert registry.error("PUT", place + "1", raw, **put) == (404, "BLOB_UNKNOWN")
    for blob in (LAYER, config):
        registry.push("two/app", blob)
    for tag in ("1", "2", "3"):
        status, headers, _ = registry.ask("PUT", place + tag, raw, **put)
        assert (status, headers["Docker-Content-Digest"]) == (201, digest_of(raw))
    assert registry.ask("PUT", place + "3", raw, **put)[0] == 201
    status, headers, got = registry.ask("GET", place + digest_of(raw))
    assert (status, headers["Content-Type"], got) == (200, OCI_MANIFEST, raw)
    status, headers, got = registry.ask("HEAD", place + "2")
    assert (status, headers["Content-Length"], got) == (200, str(len(raw)), b"")
    status, headers, got = registry.ask("GET", "/v2/two/app/tags/list?n=2")
    assert json.loads(got) == {"name": "two/app", "tags": ["1", "2"]}
    assert headers["Link"] == '</v2/two/app/tags/list?n=2&last=2>; rel="next"'
    assert json.loads(registry.ask("GET", "/v2/_catalog")[2]) == {
        "repositories": ["one/app", "two/app"]
    }
    assert registry.ask("DELETE", place + "1")[0] == 202
    assert registry.error("GET", place + "1") == (404, "MANIFEST_UNKNOWN")
    assert registry.ask("DELETE", place + digest_of(raw))[0] == 202
    assert registry.error("GET", place + "2") == (404, "MANIFEST_UNKNOWN")
    assert registry.ask("HEAD", f"/v2/two/app/blobs/{digest_of(config)}")[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("GET", "/v2/none/app/tags/list", (404, "NAME_UNKNOWN")),
        ("POST", "/v2/none/app/blobs/uploads/", (404, "NAME_UNKNOWN")),
        ("GET", "/v2/one/app/manifests/none", (404, "MANIFEST_UNKNOWN")),
        ("GET", f"/v2/one/app/blobs/{digest_of(b'none')}", (404, "BLOB_UNKNOWN")),
        ("DELETE", f"/v2/one/app/blobs/{digest_of(b'none')}", (405, "UNSUPPORTED")),
        ("PUT", "/v2/one/app/manifests/x", (400, "MANIFEST_INVALID")),
    ],
)
def test_refusals_have_the_specifications_codes(
    registry: Registry, method: str, path: str, told: tuple[int, str]
) -> None:
    assert registry.error(method, path, b"{" if method == "PUT" else None) == told


def test_a_link_from_ecr_needs_no_login(registry: Registry, live_platform: LivePlatform) -> None:
    digest = registry.push("one/app", LAYER)
    ecr = live_platform.client("ecr")
    url = ecr.get_download_url_for_layer(repositoryName="one/app", layerDigest=digest)[
        "downloadUrl"
    ]
    path = url.removeprefix(live_platform.endpoint)
    assert registry.ask("GET", path, Authorization="")[2] == LAYER
    assert registry.error("GET", path[:-1] + "x", Authorization="") == (403, "DENIED")
