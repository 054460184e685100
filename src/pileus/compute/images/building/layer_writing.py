"""Layers written: the same content gives the same bytes. Blocks."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pileus.compute.images.building.root_view import is_opaque
from pileus.compute.images.errors import ImageRefused
from pileus.compute.images.layer_unpacking import OPAQUE, WHITEOUT
from pileus.compute.images.manifests import OCI_LAYER
from pileus.compute.images.model import Layer

MODIFIED_S = 315_532_800
"""What copied files are told to be of: 1980, before which zip archives cannot say anything."""
_LEVEL = 1
"""Layers of a build are read on the same machine; speed counts more than size."""


class LayerWriter:
    """Takes entries in order; names have no leading ``/``."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._folders: set[str] = set()
        self.count = 0

    def folder(self, name: str, mode: int = 0o755, owner: tuple[int, int] = (0, 0)) -> None:
        """A folder; again does nothing."""
        if name and name not in self._folders:
            self._folders.add(name)
            self._add(self._info(name, tarfile.DIRTYPE, mode, owner))

    def file(
        self, name: str, source: IO[bytes], size: int, mode: int, owner: tuple[int, int]
    ) -> None:
        """A file's content."""
        info = self._info(name, tarfile.REGTYPE, mode, owner)
        info.size = size
        self._add(info, source)

    def link(self, name: str, target: str, owner: tuple[int, int]) -> None:
        """A symbolic link."""
        info = self._info(name, tarfile.SYMTYPE, 0o777, owner)
        info.linkname = target
        self._add(info)

    def upper(self, root: str) -> None:
        """Everything that an overlay's upper folder holds, with its own times and owners."""
        inodes: dict[int, str] = {}
        for path, name in _walked(root, ""):
            status = os.lstat(path)
            mode = status.st_mode
            owner = (status.st_uid, status.st_gid)
            info = self._info(name, tarfile.REGTYPE, stat.S_IMODE(mode), owner)
            info.mtime = int(status.st_mtime)
            if stat.S_ISCHR(mode) and status.st_rdev == 0:
                above, _, last = name.rpartition("/")
                hidden = f"{above}/{WHITEOUT}{last}" if above else f"{WHITEOUT}{last}"
                self._add(self._info(hidden, tarfile.REGTYPE, 0o600, (0, 0)))
            elif stat.S_ISDIR(mode):
                _refuse_redirect(path, name)
                info.type = tarfile.DIRTYPE
                self._add(info)
                if is_opaque(path):
                    self._add(self._info(f"{name}/{OPAQUE}", tarfile.REGTYPE, 0o600, (0, 0)))
            elif stat.S_ISLNK(mode):
                info.type, info.linkname = tarfile.SYMTYPE, os.readlink(path)
                self._add(info)
            elif stat.S_ISREG(mode) and status.st_ino in inodes:
                info.type, info.linkname = tarfile.LNKTYPE, inodes[status.st_ino]
                self._add(info)
            elif stat.S_ISREG(mode):
                if status.st_nlink > 1:
                    inodes[status.st_ino] = name
                info.size = status.st_size
                with open(path, "rb") as source:
                    self._add(info, source)
            # Sockets, pipes and devices of a step that ended mean nothing to the next one.

    def _info(self, name: str, kind: bytes, mode: int, owner: tuple[int, int]) -> tarfile.TarInfo:
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.mtime = kind, mode & 0o7777, MODIFIED_S
        info.uid, info.gid = owner
        return info

    def _add(self, info: tarfile.TarInfo, source: IO[bytes] | None = None) -> None:
        self._archive.addfile(info, source)
        self.count += 1


class WrittenLayer:
    """A layer that :func:`written` made; ``layer`` is there when the block has ended."""

    def __init__(self, writer: LayerWriter) -> None:
        self.writer = writer
        self.layer: Layer | None = None


@contextmanager
def written(blobs_dir: Path, draft: Path) -> Iterator[WrittenLayer]:
    """A writer of a layer, which then lies in ``blobs_dir`` under its digest's hex digits.

    ``layer`` stays None when nothing was written.
    """
    try:
        with draft.open("wb") as file:
            kept = _Hashed(file)
            packed = gzip.GzipFile("", "wb", _LEVEL, kept, mtime=0)
            plain = _Hashed(packed)
            with tarfile.open(fileobj=plain, mode="w|", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
                found = WrittenLayer(LayerWriter(archive))
                yield found
            packed.close()
            file.flush()
            os.fsync(file.fileno())
        if found.writer.count:
            digest = kept.digest
            os.replace(draft, blobs_dir / digest.partition(":")[2])
            found.layer = Layer(digest, plain.digest, kept.size, f"{OCI_LAYER}+gzip", "gzip")
    finally:
        draft.unlink(missing_ok=True)


class _Hashed:
    """Passes what is written on, and hashes it."""

    def __init__(self, sink: io.BufferedWriter | gzip.GzipFile) -> None:
        self._sink = sink
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, piece: bytes) -> int:
        self._hash.update(piece)
        self.size += len(piece)
        self._sink.write(piece)
        return len(piece)

    def flush(self) -> None:
        self._sink.flush()

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


def _refuse_redirect(folder: str, name: str) -> None:
    """A renamed folder whose files stayed in the layer below; mounts here do not make those."""
    for attribute in ("user.overlay.redirect", "trusted.overlay.redirect"):
        if attribute in os.listxattr(folder, follow_symlinks=False):
            raise ImageRefused(
                f"{name} was renamed in a way that a layer cannot tell (redirect_dir)"
            )


def _walked(root: str, above: str) -> Iterator[tuple[str, str]]:
    for entry in sorted(os.scandir(root), key=lambda each: each.name):
        name = f"{above}/{entry.name}" if above else entry.name
        yield entry.path, name
        if entry.is_dir(follow_symlinks=False):
            yield from _walked(entry.path, name)
