from __future__ import annotations

import pytest

from pileus.compute.images.errors import ImageRefused
from pileus.compute.images.image_store import aliased, is_own_host
from pileus.compute.images.manifests import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    choose,
    digest_of,
    parse_manifest,
)
from pileus.compute.images.model import Platform
from pileus.compute.images.references import ImageName, parse_name
from pileus.kernel.settings import InvalidSetting, parse_aliases

DIGEST = digest_of(b"")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("app", ImageName("app", "latest")),
        ("team/app:1.2", ImageName("team/app", "1.2")),
        (f"app@{DIGEST}", ImageName("app", "", DIGEST)),
        (f"app:1@{DIGEST}", ImageName("app", "1", DIGEST)),
        ("localhost/app", ImageName("app", "latest", "", "localhost")),
        ("127.0.0.1:4566/a/b:1", ImageName("a/b", "1", "", "127.0.0.1:4566")),
        ("docker.io/library/x", ImageName("library/x", "latest", "", "docker.io")),
    ],
)
def test_names_are_taken_apart(text: str, found: ImageName) -> None:
    assert parse_name(text) == found


@pytest.mark.parametrize("text", ["", "App", "a:", "a:b:c", "a@sha256:1", "a//b", "../a", "a b"])
def test_what_no_image_can_be_called(text: str) -> None:
    with pytest.raises(ImageRefused, match="is no name of an image"):
        parse_name(text)


def test_an_ecr_host_names_account_and_region() -> None:
    name = parse_name("111122223333.dkr.ecr.eu-west-1.amazonaws.com/app:1")
    assert name.owner == ("111122223333", "eu-west-1")
    assert is_own_host(name)
    assert not is_own_host(parse_name("ghcr.io/x/y"))


def test_aliases_with_and_without_a_tag() -> None:
    aliases = parse_aliases("jrottenberg/ffmpeg=ffmpeg:local, python:3.12=py:1")
    assert aliased(aliases, "jrottenberg/ffmpeg") == "ffmpeg:local"
    assert aliased(aliases, "jrottenberg/ffmpeg:4.1") == "ffmpeg:local"
    assert aliased(aliases, "python:3.12") == "py:1"
    assert aliased(aliases, "python:3.11") == "python:3.11"
    with pytest.raises(InvalidSetting, match="name=ours"):
        parse_aliases("nothing")


def test_an_index_gives_the_machines_own_image() -> None:
    children = [
        Descriptor(OCI_MANIFEST, digest_of(name.encode()), 1, Platform(name))
        for name in ("amd64", "arm64")
    ]
    assert choose(children, Platform("arm64")) is children[1]
    with pytest.raises(ImageRefused, match="not for linux/riscv64; it has linux/amd64, linux/arm"):
        choose(children, Platform("riscv64"))


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"{", "not JSON"),
        (b"[]", "no JSON object"),
        (b'{"schemaVersion": 1}', "schemaVersion is not 2"),
        (b'{"schemaVersion": 2, "mediaType": "x/y"}', "x/y are not understood"),
        (b'{"schemaVersion": 2}', "lacks a descriptor"),
        (
            b'{"schemaVersion": 2, "config": {"digest": "md5:1", "size": 1}, "layers": []}',
            "'md5:1' is no SHA-256 digest",
        ),
    ],
)
def test_manifests_that_are_none(raw: bytes, told: str) -> None:
    with pytest.raises(ImageRefused, match=told):
        parse_manifest(raw)


def test_what_a_manifest_says_must_be_what_was_announced() -> None:
    raw = f'{{"schemaVersion": 2, "mediaType": "{OCI_INDEX}", "manifests": []}}'.encode()
    assert parse_manifest(raw).is_index
    with pytest.raises(ImageRefused, match="as announced"):
        parse_manifest(raw, OCI_MANIFEST)


def test_artifacts_are_told_by_their_configs_type() -> None:
    config = f'{{"mediaType": "a/b", "digest": "{DIGEST}", "size": 0}}'
    raw = f'{{"schemaVersion": 2, "config": {config}, "layers": []}}'.encode()
    assert parse_manifest(raw).artifact_type == "a/b"
    assert parse_manifest(raw.replace(b"a/b", OCI_CONFIG.encode())).artifact_type == ""
