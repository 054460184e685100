"""Where builds keep what they made: layers by digest, steps by what they depend on. Blocks.

A cache: everything in it can be made again. One process at a time.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import msgspec

from pileus.compute.images.building.layer_writing import LayerWriter, written
from pileus.compute.images.decompression import Read
from pileus.compute.images.errors import DigestMismatch
from pileus.compute.images.layer_folders import LayerFolders
from pileus.compute.images.manifests import digest_of
from pileus.compute.images.model import Layer
from pileus.runtime.removal import remove_tree

_PIECE_BYTES = 1 << 20
_NOTHING = b"null"


class BuildStore:
    """A folder; use :meth:`locked` around everything.

    Args:
        quota_bytes: what unpacked layers may take.
    """

    def __init__(self, root: Path, quota_bytes: int) -> None:
        self._root = root
        self.blobs_dir = root / "blobs"
        self._steps = root / "steps"
        self._work = root / "work"
        self._numbers = count(1)
        for folder in (self.blobs_dir, self._steps, root / "layers"):
            folder.mkdir(parents=True, exist_ok=True)
        self._folders = LayerFolders(root / "layers", quota_bytes)
        self._in_use: set[str] = set()
        self._sources: dict[str, Callable[[], Iterator[bytes]]] = {}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other builds out; waits for one that goes on."""
        with (self._root / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            remove_tree(str(self._work))
            self._work.mkdir()
            self._folders.open()
            yield

    def work_folder(self) -> Path:
        """An empty folder of the build's own."""
        folder = self._work / str(next(self._numbers))
        folder.mkdir()
        return folder

    def known(self, key: str) -> tuple[bool, Layer | None]:
        """Whether a step was made before, and its layer if it made one."""
        path = self._steps / key
        if not path.exists():
            return False, None
        layer = msgspec.json.decode(path.read_bytes(), type=Layer | None)
        if layer is not None and not self._blob(layer.digest).exists():
            return False, None
        return True, layer

    def make(self, key: str, fill: Callable[[LayerWriter], None]) -> Layer | None:
        """Write a step's layer and remember it; None when it has nothing in it."""
        with written(self.blobs_dir, self._work / f"layer-{next(self._numbers)}") as found:
            fill(found.writer)
        draft = self._work / f"step-{next(self._numbers)}"
        draft.write_bytes(_NOTHING if found.layer is None else msgspec.json.encode(found.layer))
        os.replace(draft, self._steps / key)
        return found.layer

    def add_source(self, layer: Layer, pull: Callable[[], Iterator[bytes]]) -> None:
        """Say where a base image's layer comes from, should it be needed."""
        self._sources[layer.digest] = pull

    def unpacked(self, layers: tuple[Layer, ...]) -> tuple[str, ...]:
        """The folders of layers, top first.

        Raises:
            ImageRefused, DigestMismatch: one cannot be used.
        """
        folders = []
        self._in_use |= {layer.diff_id for layer in layers}
        for layer in layers:
            folder = self._folders.find(layer.diff_id)
            if folder is None:
                with self.opened(layer) as read:
                    folder = self._folders.make(layer, read)
            folders.append(folder)
        self._folders.make_room(self._in_use)
        return tuple(reversed(folders))

    @contextmanager
    def opened(self, layer: Layer) -> Iterator[Read]:
        """A layer's bytes as they are kept; pulled first when they are not here."""
        path = self._blob(layer.digest)
        if not path.exists():
            self._pull(layer, path)
        with path.open("rb") as file:
            yield file.read

    def keep(self, raw: bytes) -> str:
        """Keep a config; its digest."""
        digest = digest_of(raw)
        self._blob(digest).write_bytes(raw)
        return digest

    def has(self, digest: str) -> bool:
        """Whether the bytes are here."""
        return self._blob(digest).exists()

    def pieces(self, digest: str) -> Iterator[bytes]:
        """The bytes of something kept."""
        with self._blob(digest).open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                yield piece

    def clear(self) -> None:
        """Delete everything."""
        for folder in (self.blobs_dir, self._steps):
            remove_tree(folder)
            folder.mkdir()
        self._folders.forget(())

    def _pull(self, layer: Layer, path: Path) -> None:
        draft = self._work / f"pull-{next(self._numbers)}"
        with draft.open("wb") as file:
            for piece in self._sources[layer.digest]():
                file.write(piece)
        with draft.open("rb") as file:
            digest = _file_digest(file.read)
        if digest != layer.digest:
            raise DigestMismatch(f"the registry sent {digest} for {layer.digest}")
        os.replace(draft, path)

    def _blob(self, digest: str) -> Path:
        return self.blobs_dir / digest.partition(":")[2]


def _file_digest(read: Read) -> str:
    digest = hashlib.sha256()
    while piece := read(_PIECE_BYTES):
        digest.update(piece)
    return f"sha256:{digest.hexdigest()}"
