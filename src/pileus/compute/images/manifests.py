"""Manifests, indexes and configs: OCI's and Docker's version 2 schema 2, read and checked.

https://github.com/opencontainers/image-spec/blob/main/manifest.md,
https://distribution.github.io/distribution/spec/manifest-v2-2/
"""

from __future__ import annotations

import hashlib
import platform as machine
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson

from pileus.compute.images.errors import DigestMismatch, ImageRefused
from pileus.compute.images.model import HealthCheck, Image, ImageConfig, Layer, Platform
from pileus.compute.images.references import is_digest

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
MANIFESTS = (OCI_MANIFEST, DOCKER_MANIFEST)
INDEXES = (OCI_INDEX, DOCKER_INDEX)
MANIFEST_BYTES_MAX = 4 * 1024 * 1024
"""https://github.com/opencontainers/distribution-spec: at least 4 MiB; ECR's bound as well."""
CONFIG_BYTES_MAX = 4 * 1024 * 1024
LAYERS_MAX = 127
"""What Docker's own storage takes, and so what images have."""
_COMPRESSIONS = {
    OCI_LAYER: "",
    f"{OCI_LAYER}+gzip": "gzip",
    f"{OCI_LAYER}+zstd": "zstd",
    DOCKER_LAYER: "",
    f"{DOCKER_LAYER}.gzip": "gzip",
    f"{DOCKER_LAYER}.zstd": "zstd",
    "application/vnd.oci.image.layer.nondistributable.v1.tar": "",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip": "gzip",
}
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "AMD64": "amd64"}


class Descriptor(msgspec.Struct, frozen=True):
    """A reference to bytes by their digest."""

    media_type: str
    digest: str
    size_bytes: int
    platform: Platform | None = None


class Manifest(msgspec.Struct, frozen=True):
    """One manifest or index.

    Attributes:
        config: None for an index.
        layers: lowest first; empty for an index.
        children: the manifests of an index.
    """

    media_type: str
    digest: str
    config: Descriptor | None
    layers: tuple[Descriptor, ...] = ()
    children: tuple[Descriptor, ...] = ()
    artifact_type: str = ""

    @property
    def is_index(self) -> bool:
        return self.media_type in INDEXES

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """What must be in the registry before the manifest is."""
        return (self.config, *self.layers) if self.config else ()


def digest_of(raw: bytes) -> str:
    """``sha256:…`` of the bytes."""
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def own_platform() -> Platform:
    """This machine's, in Go's words."""
    name = machine.machine()
    return Platform(_ARCHITECTURES.get(name, name.lower()))


def parse_manifest(raw: bytes, media_type: str = "") -> Manifest:
    """Read a manifest or an index.

    Args:
        media_type: as the client tells it; empty: what the document says itself.

    Raises:
        ImageRefused: it is neither, or lacks something.
    """
    if len(raw) > MANIFEST_BYTES_MAX:
        raise ImageRefused(f"the manifest is longer than {MANIFEST_BYTES_MAX} bytes")
    document = _document(raw, "manifest")
    if document.get("schemaVersion") != 2:
        raise ImageRefused("the manifest's schemaVersion is not 2")
    told = document.get("mediaType")
    kind = media_type or told or (OCI_INDEX if "manifests" in document else OCI_MANIFEST)
    if told and media_type and told != media_type:
        raise ImageRefused(f"the manifest is of type {told}, not {media_type} as announced")
    digest = digest_of(raw)
    if kind in INDEXES:
        children = tuple(_descriptor(child) for child in _list(document, "manifests"))
        return Manifest(kind, digest, None, (), children, document.get("artifactType") or "")
    if kind not in MANIFESTS:
        raise ImageRefused(f"manifests of type {kind} are not understood here")
    config = _descriptor(document.get("config"))
    layers = tuple(_descriptor(layer) for layer in _list(document, "layers"))
    if len(layers) > LAYERS_MAX:
        raise ImageRefused(f"the image has {len(layers)} layers; {LAYERS_MAX} is the most")
    artifact = document.get("artifactType") or ""
    if not artifact and config.media_type not in (OCI_CONFIG, DOCKER_CONFIG):
        artifact = config.media_type
    return Manifest(kind, digest, config, layers, (), artifact)


def choose(children: Sequence[Descriptor], wanted: Platform) -> Descriptor:
    """The manifest of an index for a platform, among its children.

    Raises:
        ImageRefused: it has none; the platforms it has are named.
    """
    for child in children:
        has = child.platform
        if has and (has.os, has.architecture) == (wanted.os, wanted.architecture):
            return child
    if len(children) == 1 and children[0].platform is None:
        return children[0]
    has_named = sorted(f"{c.platform.os}/{c.platform.architecture}" for c in children if c.platform)
    raise ImageRefused(
        f"the image is not for {wanted.os}/{wanted.architecture}; it has "
        f"{', '.join(has_named) or 'no platforms'}"
    )


def read_image(name: str, manifest: Manifest, config: bytes) -> Image:
    """The image that a manifest and its config describe.

    Raises:
        DigestMismatch: the config is another.
        ImageRefused: the two do not fit, or a layer is of an unknown kind.
    """
    assert manifest.config is not None
    if digest_of(config) != manifest.config.digest:
        raise DigestMismatch(f"the config of {name} is not {manifest.config.digest}")
    document = _document(config, "config")
    rootfs = document.get("rootfs") or {}
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(diff_ids, list) or len(diff_ids) != len(manifest.layers):
        raise ImageRefused(f"the config of {name} does not name the content of each layer")
    layers = []
    for descriptor, diff_id in zip(manifest.layers, diff_ids, strict=True):
        if not isinstance(diff_id, str) or not is_digest(diff_id):
            raise ImageRefused(f"{diff_id!r} is no digest of a layer's content")
        if descriptor.media_type not in _COMPRESSIONS:
            raise ImageRefused(f"layers of type {descriptor.media_type} are not understood here")
        layers.append(
            Layer(
                descriptor.digest,
                diff_id,
                descriptor.size_bytes,
                descriptor.media_type,
                _COMPRESSIONS[descriptor.media_type],
            )
        )
    return Image(
        name=name,
        digest=manifest.digest,
        layers=tuple(layers),
        config=_read_config(document.get("config") or {}),
        platform=Platform(
            str(document.get("architecture") or "amd64"),
            str(document.get("os") or "linux"),
            str(document.get("variant") or ""),
        ),
        config_digest=manifest.config.digest,
        media_type=manifest.media_type,
    )


def is_image(manifest: Manifest) -> bool:
    """Whether it describes something that runs, and not an artifact of another kind."""
    return manifest.config is not None and manifest.config.media_type in (OCI_CONFIG, DOCKER_CONFIG)


def _read_config(config: Any) -> ImageConfig:
    if not isinstance(config, dict):
        raise ImageRefused("the image's config is no object")
    try:
        return ImageConfig(
            entrypoint=_texts(config, "Entrypoint"),
            command=_texts(config, "Cmd"),
            environment=_texts(config, "Env"),
            working_dir=str(config.get("WorkingDir") or ""),
            user=str(config.get("User") or ""),
            exposed_ports=tuple(sorted(config.get("ExposedPorts") or {})),
            volumes=tuple(sorted(config.get("Volumes") or {})),
            labels={str(k): str(v) for k, v in (config.get("Labels") or {}).items()},
            stop_signal=str(config.get("StopSignal") or ""),
            health_check=_health_check(config.get("Healthcheck")),
        )
    except (TypeError, AttributeError, ValueError) as error:
        raise ImageRefused(f"the image's config cannot be read: {error}") from error


def _health_check(told: Any) -> HealthCheck | None:
    if not told:
        return None
    second_ns = 1_000_000_000
    return HealthCheck(
        test=_texts(told, "Test"),
        interval_s=(told.get("Interval") or 0) / second_ns,
        timeout_s=(told.get("Timeout") or 0) / second_ns,
        start_period_s=(told.get("StartPeriod") or 0) / second_ns,
        retries=int(told.get("Retries") or 0),
    )


def _texts(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    given = document.get(name) or ()
    if isinstance(given, str):
        # What very old builders wrote for the shell form.
        return (given,)
    return tuple(str(text) for text in given)


def _document(raw: bytes, what: str) -> dict[str, Any]:
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ImageRefused(f"the {what} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ImageRefused(f"the {what} is no JSON object")
    return document


def _list(document: Mapping[str, Any], name: str) -> Sequence[Any]:
    given = document.get(name)
    if not isinstance(given, list):
        raise ImageRefused(f"the manifest has no list {name!r}")
    return given


def _descriptor(given: Any) -> Descriptor:
    if not isinstance(given, dict):
        raise ImageRefused("the manifest lacks a descriptor")
    digest, size = given.get("digest"), given.get("size")
    if not isinstance(digest, str) or not is_digest(digest):
        raise ImageRefused(f"{digest!r} is no SHA-256 digest")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ImageRefused(f"{size!r} is no size")
    platform = given.get("platform")
    has = None
    if isinstance(platform, dict):
        names = (platform.get("architecture"), platform.get("os"), platform.get("variant"))
        has = Platform(*(str(name or "") for name in names))
    return Descriptor(str(given.get("mediaType") or ""), digest, size, has)
