"""Images in files: OCI layouts (a folder or a tar archive) and what ``docker save`` writes. Blocks.

https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

from __future__ import annotations

import gzip
import hashlib
import io
import posixpath
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec
import orjson

from pileus.compute.images.errors import ImageRefused
from pileus.compute.images.manifests import (
    CONFIG_BYTES_MAX,
    DOCKER_CONFIG,
    DOCKER_LAYER,
    DOCKER_MANIFEST,
    MANIFEST_BYTES_MAX,
    OCI_INDEX,
    Manifest,
    choose,
    digest_of,
    own_platform,
    parse_manifest,
)

_NAME_KEYS = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
_PIECE_BYTES = 1 << 20
_GZIP = b"\x1f\x8b"
_LINKS_MAX = 8

Open = Callable[[], AbstractContextManager[IO[bytes]]]


class FoundImage(msgspec.Struct):
    """An image in a file.

    Attributes:
        names: as the file calls it; may be empty.
        raw: the manifest's bytes.
        blobs: how to open what the manifest names, by digest.
    """

    names: tuple[str, ...]
    raw: bytes
    manifest: Manifest
    blobs: Mapping[str, Open]


@contextmanager
def open_images(path: Path) -> Iterator[list[FoundImage]]:
    """The images of a file or a folder, for this machine where there is a choice.

    Raises:
        ImageRefused: it is none of the formats, or damaged.
    """
    try:
        if path.is_dir():
            yield _layout(_Folder(path))
            return
        with _plain(path) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            files = _Archive(archive)
            if files.has("oci-layout"):
                yield _layout(files)
            elif files.has("manifest.json"):
                yield _saved(files)
            else:
                raise ImageRefused(
                    f"{path} holds neither an OCI layout nor what docker save writes"
                )
    except FileNotFoundError as error:
        raise ImageRefused(f"there is no {path}") from error
    except tarfile.TarError as error:
        raise ImageRefused(f"{path} is no image: {error}") from error


@contextmanager
def _plain(path: Path) -> Iterator[IO[bytes]]:
    """The archive uncompressed, because its members are not read in their order."""
    with path.open("rb") as file:
        if file.read(2) != _GZIP:
            file.seek(0)
            yield file
            return
    with tempfile.TemporaryFile() as plain:
        with gzip.open(path) as source:
            while piece := source.read(_PIECE_BYTES):
                plain.write(piece)
        plain.seek(0)
        yield plain


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root

    def has(self, name: str) -> bool:
        return (self._root / name).is_file()

    def opener(self, name: str) -> Open:
        path = self._root / name
        if not path.is_file():
            raise ImageRefused(f"{self._root} lacks {name}")
        return lambda: path.open("rb")


class _Archive:
    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._members = {posixpath.normpath(m.name): m for m in archive}

    def has(self, name: str) -> bool:
        return name in self._members

    def opener(self, name: str) -> Open:
        member = self._members.get(posixpath.normpath(name))
        for _ in range(_LINKS_MAX):
            # Older versions of docker save wrote a layer once and linked to it.
            if member is None or not member.issym():
                break
            near = posixpath.join(posixpath.dirname(member.name), member.linkname)
            member = self._members.get(posixpath.normpath(near))
        if member is None or not (member.isfile() or member.islnk()):
            raise ImageRefused(f"the archive lacks {name}")
        found = member

        def opened() -> IO[bytes]:
            file = self._archive.extractfile(found)
            assert file is not None
            return file

        return opened


_Files = _Folder | _Archive


def _bytes(files: _Files, name: str, bytes_max: int) -> bytes:
    with files.opener(name)() as file:
        raw = file.read(bytes_max + 1)
    if len(raw) > bytes_max:
        raise ImageRefused(f"{name} is longer than {bytes_max} bytes")
    return raw


def _layout(files: _Files) -> list[FoundImage]:
    index = orjson.loads(_bytes(files, "index.json", MANIFEST_BYTES_MAX))
    found = []
    for told in index.get("manifests") or ():
        annotations = told.get("annotations") or {}
        names = tuple(annotations[key] for key in _NAME_KEYS if annotations.get(key))[:1]
        digest, kind = told["digest"], told.get("mediaType", "")
        while True:
            raw = _bytes(files, _blob(digest), MANIFEST_BYTES_MAX)
            manifest = parse_manifest(raw, kind)
            if not manifest.is_index:
                break
            child = choose(manifest.children, own_platform())
            digest, kind = child.digest, child.media_type
        blobs = {blob.digest: files.opener(_blob(blob.digest)) for blob in manifest.blobs}
        found.append(FoundImage(names, raw, manifest, blobs))
    return found


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _saved(files: _Archive) -> list[FoundImage]:
    try:
        entries = orjson.loads(_bytes(files, "manifest.json", MANIFEST_BYTES_MAX))
        return [_saved_image(files, entry) for entry in entries]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ImageRefused(f"manifest.json cannot be read: {error!r}") from error


def _saved_image(files: _Archive, entry: Mapping[str, Any]) -> FoundImage:
    config = _bytes(files, entry["Config"], CONFIG_BYTES_MAX)
    blobs: dict[str, Open] = {}
    layers = []
    for name in entry["Layers"]:
        opener = files.opener(name)
        digest, size, is_gzip = _measured(opener)
        blobs[digest] = opener
        kind = f"{DOCKER_LAYER}.gzip" if is_gzip else DOCKER_LAYER
        layers.append({"mediaType": kind, "size": size, "digest": digest})
    config_digest = digest_of(config)
    blobs[config_digest] = lambda: io.BytesIO(config)
    raw = manifest_bytes(
        DOCKER_MANIFEST,
        {"mediaType": DOCKER_CONFIG, "size": len(config), "digest": config_digest},
        layers,
    )
    names = tuple(entry.get("RepoTags") or ())
    return FoundImage(names, raw, parse_manifest(raw), blobs)


def _measured(opener: Open) -> tuple[str, int, bool]:
    digest, size, start = hashlib.sha256(), 0, b""
    with opener() as file:
        while piece := file.read(_PIECE_BYTES):
            start = start or piece[:2]
            digest.update(piece)
            size += len(piece)
    return f"sha256:{digest.hexdigest()}", size, start == _GZIP


def manifest_bytes(
    media_type: str, config: Mapping[str, Any], layers: Sequence[Mapping[str, Any]]
) -> bytes:
    """A manifest, the same bytes for the same image."""
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": config,
        "layers": layers,
    }
    return orjson.dumps(document)


def write_layout(
    path: Path, name: str, manifest: Manifest, raw: bytes, opened: Callable[[str], Iterator[bytes]]
) -> None:
    """Write an image as an OCI layout in a tar archive, which ``docker load`` takes as well.

    Args:
        opened: the bytes of a config or layer by its digest.
    """
    assert manifest.config is not None
    sizes = {blob.digest: blob.size_bytes for blob in manifest.blobs}
    entry = {
        "mediaType": manifest.media_type,
        "digest": manifest.digest,
        "size": len(raw),
        "annotations": {_NAME_KEYS[0]: name, _NAME_KEYS[1]: name.rpartition(":")[2]},
    }
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}
    saved = {
        "Config": _blob(manifest.config.digest),
        "RepoTags": [name],
        "Layers": [_blob(layer.digest) for layer in manifest.layers],
    }
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, "oci-layout", orjson.dumps({"imageLayoutVersion": "1.0.0"}))
        _add(archive, "index.json", orjson.dumps(index))
        _add(archive, "manifest.json", orjson.dumps([saved]))
        _add(archive, _blob(manifest.digest), raw)
        for digest, size in sizes.items():
            info = tarfile.TarInfo(_blob(digest))
            info.size = size
            archive.addfile(info, _Pieces(opened(digest)))  # type: ignore[arg-type]


class _Pieces:
    """Pieces as the file that ``tarfile`` reads."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""

    def read(self, size: int) -> bytes:
        parts, missing = [], size
        while missing:
            if not self._held:
                self._held = next(self._pieces, b"")
                if not self._held:
                    break
            part = self._held[:missing]
            self._held = self._held[missing:]
            missing -= len(part)
            parts.append(part)
        return b"".join(parts)


def _add(archive: tarfile.TarFile, name: str, raw: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(raw)
    archive.addfile(info, io.BytesIO(raw))
