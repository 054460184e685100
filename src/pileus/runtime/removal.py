"""Deleting folders that untrusted code has filled.

``shutil.rmtree`` takes a stack frame and a descriptor for each level, so that a program may leave a
tree behind which it cannot delete. Here folders that lie deep are brought up before they are emptied.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEPTH_MAX = 64


def remove_tree(path: str | os.PathLike[str]) -> None:
    """Delete a folder however deep it is and whatever its modes; a file or a link as such.

    Nothing happens where there is nothing. Links are never followed. Blocks. Should it be cut off,
    what is left is still the folder of that name. Raises OSError, as for a mount inside.
    """
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(mode):
        os.unlink(path)
        return
    _open_up(os.fspath(path), None)
    top = os.open(path, _OPEN)
    try:
        _remove_inside(top)
    finally:
        os.close(top)
    os.rmdir(path)


def _remove_inside(top: int) -> None:
    place_name = _make_place(top)
    place = os.open(place_name, _OPEN, dir_fd=top)
    numbers = count()
    try:
        _Emptying(place, numbers).empty(top, kept=place_name)
        while names := os.listdir(place):
            for name in names:
                with _opened(name, place) as folder:
                    _Emptying(place, numbers).empty(folder)
                os.rmdir(name, dir_fd=place)
    finally:
        os.close(place)
    os.rmdir(place_name, dir_fd=top)


class _Emptying:
    """Deletes what folders hold; those that lie too deep are moved to ``place`` as they are."""

    def __init__(self, place: int, numbers: count[int]) -> None:
        self._place = place
        self._numbers = numbers
        self._depth = 0

    def empty(self, folder: int, kept: str = "") -> None:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for name, is_folder in found:
            if not is_folder:
                os.unlink(name, dir_fd=folder)
            elif name != kept:
                self._remove_folder(name, folder)

    def _remove_folder(self, name: str, above: int) -> None:
        _open_up(name, above)
        if self._depth >= _DEPTH_MAX:
            moved = str(next(self._numbers))
            os.rename(name, moved, src_dir_fd=above, dst_dir_fd=self._place)
            return
        self._depth += 1
        with _opened(name, above) as folder:
            self.empty(folder)
        self._depth -= 1
        os.rmdir(name, dir_fd=above)


@contextmanager
def _opened(name: str, above: int) -> Iterator[int]:
    folder = os.open(name, _OPEN, dir_fd=above)
    try:
        yield folder
    finally:
        os.close(folder)


def _make_place(top: int) -> str:
    for number in count():
        name = f".removal-{number}"
        try:
            os.mkdir(name, 0o700, dir_fd=top)
        except FileExistsError:
            continue
        return name
    raise AssertionError("numbers end never")


def _open_up(name: str, folder: int | None) -> None:
    """Let the owner in; root needs no leave."""
    if os.geteuid() != 0:
        os.chmod(name, stat.S_IRWXU, dir_fd=folder)
