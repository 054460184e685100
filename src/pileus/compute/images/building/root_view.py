"""What a container would see at a path: layers' folders, read as overlayfs merges them. Blocks."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator, Sequence

import msgspec

from pileus.compute.images.errors import ImageRefused
from pileus.compute.images.layer_unpacking import OPAQUE_ATTRIBUTES

_LINKS_MAX = 40


class Seen(msgspec.Struct, frozen=True):
    """One file, folder or link.

    Attributes:
        path: from the root of the container, without a leading ``/``; links above are resolved.
        place: where it lies on this machine (the uppermost, of a folder).
    """

    path: str
    place: str
    status: os.stat_result

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)


class RootView:
    """Layers' folders, top first."""

    def __init__(self, lowers: Sequence[str]) -> None:
        self._lowers = tuple(lowers)

    def resolve(self, path: str) -> str:
        """The path with every link above its last step followed, and ``..`` taken away.

        Raises:
            ImageRefused: a circle of links.
        """
        found: list[str] = []
        left = [step for step in reversed(path.split("/")) if step not in ("", ".")]
        links = 0
        while left:
            step = left.pop()
            if step == "..":
                found = found[:-1]
                continue
            found.append(step)
            seen = self._lstat("/".join(found)) if left else None
            if seen is not None and stat.S_ISLNK(seen.status.st_mode):
                links += 1
                if links > _LINKS_MAX:
                    raise ImageRefused(f"{path!r} lies behind a circle of links")
                found.pop()
                target = os.readlink(seen.place)
                if target.startswith("/"):
                    found = []
                left += [s for s in reversed(target.split("/")) if s not in ("", ".")]
        return "/".join(found)

    def see(self, path: str, *, follows: bool = True) -> Seen | None:
        """What lies at a path; None for nothing. A link at the end is followed, or told itself."""
        for _ in range(_LINKS_MAX):
            path = self.resolve(path)
            if not path:
                status = os.stat(self._lowers[0]) if self._lowers else os.stat("/")
                return Seen("", self._lowers[0] if self._lowers else "", status)
            seen = self._lstat(path)
            if seen is None or not follows or not stat.S_ISLNK(seen.status.st_mode):
                return seen
            path = posixpath.join("/", posixpath.dirname(path), os.readlink(seen.place))
        raise ImageRefused(f"{path!r} is a circle of links")

    def read(self, path: str) -> bytes:
        """A small file's content; empty when there is none."""
        seen = self.see(path)
        if seen is None or not stat.S_ISREG(seen.status.st_mode):
            return b""
        with open(seen.place, "rb") as file:
            return file.read()

    def names(self, path: str) -> list[str]:
        """What a folder holds, in order; ``path`` is resolved already."""
        found: dict[str, bool] = {}
        for lower in self._visible(path):
            place = f"{lower}/{path}" if path else lower
            try:
                entries = list(os.scandir(place))
            except (FileNotFoundError, NotADirectoryError):
                continue
            for entry in entries:
                found.setdefault(entry.name, not _is_whiteout(entry.stat(follow_symlinks=False)))
        return sorted(name for name, is_there in found.items() if is_there)

    def walk(self, path: str) -> Iterator[Seen]:
        """Everything below a folder, folders before what they hold."""
        for name in self.names(path):
            seen = self._lstat(f"{path}/{name}" if path else name)
            if seen is None:
                continue
            yield seen
            if seen.is_folder:
                yield from self.walk(seen.path)

    def _lstat(self, path: str) -> Seen | None:
        """The uppermost that is not hidden; nothing on the way is a link."""
        for lower in self._visible(posixpath.dirname(path)):
            try:
                status = os.lstat(f"{lower}/{path}")
            except (FileNotFoundError, NotADirectoryError):
                continue
            if _is_whiteout(status):
                return None
            return Seen(path, f"{lower}/{path}", status)
        return None

    def _visible(self, folder: str) -> Iterator[str]:
        """The layers that show through in a folder: down to one that hides those below."""
        steps = folder.split("/") if folder else []
        for lower in self._lowers:
            yield lower
            place = lower
            for step in steps:
                place = f"{place}/{step}"
                try:
                    status = os.lstat(place)
                except (FileNotFoundError, NotADirectoryError):
                    break
                if not stat.S_ISDIR(status.st_mode) or is_opaque(place):
                    return


def is_opaque(folder: str) -> bool:
    """Whether a folder hides the layers below."""
    for name in OPAQUE_ATTRIBUTES:
        try:
            if os.getxattr(folder, name, follow_symlinks=False) == b"y":
                return True
        except OSError:
            continue  # It has no such attribute, or may not be asked for it.
    return False


def _is_whiteout(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0
