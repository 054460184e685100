"""Images to and from the platform's registry, over the OCI distribution API. Blocks."""

from __future__ import annotations

import http.client
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote, urlsplit

import orjson

from pileus.compute.images.manifests import INDEXES, MANIFEST_BYTES_MAX, MANIFESTS, digest_of
from pileus.deploy.api import Api
from pileus.deploy.errors import ApiError, DeployError, PlatformUnreachable

_TIMEOUT_S = 600
_PIECE_BYTES = 1 << 20


class RegistryClient:
    """One account's registry in one region.

    Raises, in every method:
        ApiError: the registry refused.
        PlatformUnreachable: nothing answers.
    """

    def __init__(self, api: Api) -> None:
        self._endpoint = api.endpoint
        self._authorization = ""
        self._api = api

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether a repository holds a layer or config."""
        with self._ask("HEAD", f"/v2/{repository}/blobs/{digest}", missing=True) as answer:
            return answer.status == 200

    def mount_blob(self, repository: str, digest: str, source: str) -> bool:
        """Let a repository have what another one holds; False when it must be sent."""
        query = f"mount={quote(digest)}&from={quote(source)}"
        with self._ask("POST", f"/v2/{repository}/blobs/uploads/?{query}") as answer:
            return answer.status == 201

    def push_blob(self, repository: str, digest: str, size: int, pieces: Iterable[bytes]) -> None:
        """Send a layer or config of known size."""
        with self._ask("POST", f"/v2/{repository}/blobs/uploads/") as answer:
            place = urlsplit(answer.headers["Location"])
        query = f"{place.query}&" if place.query else ""
        path = f"{place.path}?{query}digest={quote(digest)}"
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        with self._ask("PUT", path, headers, pieces):
            pass

    def pull_blob(self, repository: str, digest: str) -> Iterator[bytes]:
        """A layer's or config's bytes; the caller checks their digest."""
        with self._ask("GET", f"/v2/{repository}/blobs/{digest}") as answer:
            while piece := answer.read(_PIECE_BYTES):
                yield piece

    def push_manifest(self, repository: str, reference: str, raw: bytes, media_type: str) -> str:
        """Put a manifest under a tag or its digest; its digest."""
        path = f"/v2/{repository}/manifests/{reference}"
        headers = {"Content-Type": media_type, "Content-Length": str(len(raw))}
        with self._ask("PUT", path, headers, [raw]):
            return digest_of(raw)

    def pull_manifest(self, repository: str, reference: str) -> tuple[bytes, str] | None:
        """A manifest and its media type; None when there is none."""
        headers = {"Accept": ", ".join((*MANIFESTS, *INDEXES))}
        path = f"/v2/{repository}/manifests/{reference}"
        with self._ask("GET", path, headers, missing=True) as answer:
            if answer.status == 404:
                return None
            raw = answer.read(MANIFEST_BYTES_MAX + 1)
            return raw, answer.headers.get("Content-Type", "")

    @contextmanager
    def _ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: Iterable[bytes] | None = None,
        *,
        missing: bool = False,
    ) -> Iterator[http.client.HTTPResponse]:
        """The answer; with ``missing`` a 404 is one."""
        if not self._authorization:
            data = self._api.call("ecr", "GetAuthorizationToken")["authorizationData"][0]
            self._authorization = f"Basic {data['authorizationToken']}"
        parts = urlsplit(self._endpoint)
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        connection = kind(parts.netloc, timeout=_TIMEOUT_S)
        try:
            sent = {"Authorization": self._authorization, **(headers or {})}
            connection.request(method, path, body=body, headers=sent)
            answer = connection.getresponse()
            if answer.status >= 400 and not (missing and answer.status == 404):
                raise self._refusal(method, path, answer)
            yield answer
        except OSError as error:
            raise PlatformUnreachable(self._endpoint, str(error)) from error
        except http.client.HTTPException as error:
            raise DeployError(f"{self._endpoint} broke off {method} {path}: {error!r}") from error
        finally:
            connection.close()

    def _refusal(self, method: str, path: str, answer: http.client.HTTPResponse) -> ApiError:
        raw = answer.read(_PIECE_BYTES)
        try:
            told = orjson.loads(raw)["errors"][0]
            code, message = told["code"], told["message"]
        except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
            code, message = str(answer.status), raw[:200].decode(errors="replace")
        return ApiError("registry", f"{method} {path}", code, message)
