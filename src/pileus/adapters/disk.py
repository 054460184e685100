"""The few file operations on which durability rests, each with the flush it needs.

A file's bytes are durable after :func:`flush_file`; its *name* only after :func:`flush_folder` of
the folder that holds it. https://pubs.opengroup.org/onlinepubs/9699919799/functions/fsync.html
"""

from __future__ import annotations

import fcntl
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pileus.values.errors import PileusError

_PIECES_MAX = os.sysconf("SC_IOV_MAX")


class FolderInUse(PileusError):
    """Another process has the folder open."""


def flush_file(fd: int) -> None:
    """Return when the file's bytes and its length are on the disk."""
    if sys.platform == "darwin":
        # There, fsync stops at the drive's own cache.
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(fd)


def flush_folder(path: str | Path) -> None:
    """Return when names made, changed or removed in the folder are on the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_folder(path: Path) -> None:
    """Make a folder and its parents, durably."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
        flush_folder(folder.parent)


def remove_folder(path: Path, *, ignores_errors: bool = False) -> None:
    """Remove a folder with everything in it; not durably."""
    # Lazy on purpose: it brings along every compressor there is, and folders seldom go.
    importlib.import_module("shutil").rmtree(path, ignore_errors=ignores_errors)


def write_all(fd: int, pieces: Sequence[bytes | memoryview]) -> None:
    """Write every piece in order, however often the system takes only a part.

    Raises:
        OSError: the disk is full or fails; some of the bytes may have been written.
    """
    left = [piece for piece in pieces if len(piece)]
    while left:
        batch = left[:_PIECES_MAX]
        written = os.writev(fd, batch)
        done = 0
        while done < len(batch) and written >= len(batch[done]):
            written -= len(batch[done])
            done += 1
        del left[:done]
        if written:
            left[0] = memoryview(left[0])[written:]


def replace_file(path: Path, data: bytes) -> None:
    """Give a small file new contents, all or nothing, durably."""
    draft = path.with_name(path.name + ".draft")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        write_all(fd, [data])
        flush_file(fd)
    finally:
        os.close(fd)
    os.replace(draft, path)
    flush_folder(path.parent)


class FolderLock:
    """Keeps a second process out of a folder. The kernel frees it when the process ends.

    A record lock, because children that a process forks do not inherit those.

    Raises:
        FolderInUse: another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        self._fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._fd)
            raise FolderInUse(
                f"{folder} is in use by another process; stop that one or choose another folder"
            ) from error

    def release(self) -> None:
        """Let others in; again does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
