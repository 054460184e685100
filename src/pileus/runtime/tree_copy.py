"""Copies what a snapshot left in ``/tmp`` into the ``/tmp`` of a copy, which hides the other."""

from __future__ import annotations

import os
from types import TracebackType

_PIECE_BYTES = 1 << 20


class Folder:
    """A folder held open, so that it can be read after something was mounted over it."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> Folder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    def copy_to(self, target: str) -> None:
        """Copy folders, files and links; sockets, pipes and what is mounted below are left out.

        Raises OSError.
        """
        # Whoever mounts a /proc over the old one finds itself there under this name as well.
        own = os.fstat(self._descriptor).st_dev
        _copy(f"/proc/self/fd/{self._descriptor}", target, own)


def _copy(source: str, target: str, device: int) -> None:
    with os.scandir(source) as entries:
        for entry in entries:
            path = f"{target}/{entry.name}"
            if entry.stat(follow_symlinks=False).st_dev != device:
                continue
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), path)
            elif entry.is_dir():
                os.mkdir(path)
                _copy(entry.path, path, device)
                _keep_mode(entry, path)
            elif entry.is_file():
                with open(entry.path, "rb") as given, open(path, "wb") as made:
                    while piece := given.read(_PIECE_BYTES):
                        made.write(piece)
                _keep_mode(entry, path)


def _keep_mode(entry: os.DirEntry[str], path: str) -> None:
    found = entry.stat()
    os.chmod(path, found.st_mode & 0o7777)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
