"""Images from Dockerfiles, built here and pushed to the platform's registry. Blocks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec
import orjson

from pileus.compute.images.building.build_store import BuildStore
from pileus.compute.images.building.builder import Builder
from pileus.compute.images.building.model import (
    Base,
    BuildRequest,
    Built,
    RunStep,
    Surroundings,
)
from pileus.compute.images.errors import DigestMismatch, ImageRefused
from pileus.compute.images.image_store import aliased, is_own_host
from pileus.compute.images.manifests import CONFIG_BYTES_MAX, parse_manifest, read_image
from pileus.compute.images.model import Layer
from pileus.compute.images.references import ImageName, parse_name
from pileus.deploy.api import Api
from pileus.deploy.errors import DeployError
from pileus.deploy.images import ensure_repository, pull_manifest
from pileus.deploy.registry_client import RegistryClient
from pileus.languages.dockerfile import IgnoreRules, parse

CACHE_BYTES = 20 * 1024**3
_IGNORE = ".dockerignore"
Say = Callable[[str], None]


class BuildOrder(msgspec.Struct, frozen=True):
    """What a person asks for.

    Attributes:
        tag: what to call the image.
        file: the Dockerfile; None for the one in ``folder``.
    """

    folder: Path
    tag: str
    file: Path | None = None
    arguments: Mapping[str, str] = {}
    target: str = ""


class Workshop(msgspec.Struct, frozen=True):
    """Where and with what builds are made.

    Attributes:
        aliases: names of other registries' images → ours.
    """

    cache_dir: Path
    run: RunStep
    say: Say
    aliases: Mapping[str, str] = {}


def build_image(api: Api, order: BuildOrder, workshop: Workshop) -> str:
    """Build an image and push it; its digest.

    Raises:
        DockerfileError: told with the line.
        DeployError: no such file, or the platform refused.
    """
    target = parse_name(order.tag)
    file = order.file or order.folder / "Dockerfile"
    try:
        text = file.read_text()
    except OSError as error:
        raise DeployError(f"{file}: {error.strerror}") from error
    ignored = file.with_name(f"{file.name}{_IGNORE}")
    if not ignored.exists():
        ignored = order.folder / _IGNORE
    rules = IgnoreRules(ignored.read_text() if ignored.exists() else "")
    request = BuildRequest(
        parse(text, file.name), order.folder, rules, order.arguments, order.target
    )
    store = BuildStore(workshop.cache_dir, CACHE_BYTES)
    registry = RegistryClient(api)
    bases = _Bases(registry, store, workshop.aliases)
    with store.locked():
        outside = Surroundings(bases.find, workshop.run, workshop.say)
        built = Builder(request, store, outside).build()
        ensure_repository(api, target.repository)
        return _push(registry, store, target, built, bases.origins)


class _Bases:
    """Base images from the registry: their configs at once, their layers when needed."""

    def __init__(
        self, registry: RegistryClient, store: BuildStore, aliases: Mapping[str, str]
    ) -> None:
        self._registry = registry
        self._store = store
        self._aliases = aliases
        self.origins: dict[str, str] = {}
        """Layer → the repository that holds it."""

    def find(self, name: str) -> Base:
        source = parse_name(aliased(self._aliases, name))
        if source.registry and not is_own_host(source):
            raise ImageRefused(
                f"{name} lies in another registry, and Pileus pulls from none: import it, or name "
                "one of yours for it in PILEUS_IMAGE_ALIASES"
            )
        raw, manifest = pull_manifest(self._registry, source)
        assert manifest.config is not None
        if manifest.config.size_bytes > CONFIG_BYTES_MAX:
            raise ImageRefused(f"the config of {name} is too long")
        config = b"".join(self._registry.pull_blob(source.repository, manifest.config.digest))
        image = read_image(name, parse_manifest(raw, manifest.media_type), config)
        for layer in image.layers:
            self.origins[layer.digest] = source.repository
            self._store.add_source(layer, self._puller(source.repository, layer))
        return Base(orjson.loads(config), image.layers)

    def _puller(self, repository: str, layer: Layer) -> Callable[[], Iterator[bytes]]:
        return lambda: self._registry.pull_blob(repository, layer.digest)


def _push(
    registry: RegistryClient,
    store: BuildStore,
    target: ImageName,
    built: Built,
    origins: Mapping[str, str],
) -> str:
    name = target.repository
    manifest = parse_manifest(built.manifest)
    layers = {layer.digest: layer for layer in built.layers}
    for blob in manifest.blobs:
        if registry.has_blob(name, blob.digest):
            continue
        source = origins.get(blob.digest)
        if source and registry.mount_blob(name, blob.digest, source):
            continue
        if not store.has(blob.digest):
            with store.opened(layers[blob.digest]):
                pass  # Now it is here.
        pieces = _checked(store.pieces(blob.digest), blob.digest)
        registry.push_blob(name, blob.digest, blob.size_bytes, pieces)
    registry.push_manifest(name, target.reference, built.manifest, manifest.media_type)
    return manifest.digest


def _checked(pieces: Iterator[bytes], digest: str) -> Iterator[bytes]:
    """What lies in the cache may have been damaged since."""
    total = hashlib.sha256()
    for piece in pieces:
        total.update(piece)
        yield piece
    if f"sha256:{total.hexdigest()}" != digest:
        raise DigestMismatch(f"{digest} is damaged in the build cache; delete the cache's folder")
