"""``COPY`` and ``ADD``: which files, where to, whose. Blocks.

https://docs.docker.com/reference/dockerfile/#copy
"""

from __future__ import annotations

import hashlib
import io
import os
import posixpath
import stat
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from pileus.compute.images.building.layer_writing import LayerWriter
from pileus.compute.images.building.root_view import RootView, Seen
from pileus.compute.images.errors import ImageRefused
from pileus.languages.dockerfile.ignoring import IgnoreRules, glob_pattern

_PIECE_BYTES = 1 << 20
_WILD = frozenset("*?[")
_ARCHIVES = ((0, b"\x1f\x8b"), (0, b"BZh"), (0, b"\xfd7zXZ"), (257, b"ustar"))
"""Offset and first bytes of what ADD unpacks."""


class Copied(msgspec.Struct, frozen=True):
    """One thing to be copied.

    Attributes:
        name: below the target; empty for the target itself.
        place: where it lies on this machine; empty with ``content``.
    """

    name: str
    place: str
    status_mode: int
    content: bytes = b""

    def digest_into(self, total: hashlib._Hash) -> None:
        """Add everything that the layer will hold of it."""
        total.update(f"{self.name}\0{self.status_mode:o}\0".encode("utf-8", "surrogateescape"))
        if not self.place:
            total.update(self.content)
        elif stat.S_ISLNK(self.status_mode):
            total.update(os.fsencode(os.readlink(self.place)))
        elif stat.S_ISREG(self.status_mode):
            with open(self.place, "rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())


class Source(msgspec.Struct, frozen=True):
    """What one name meant: a file, or all that a folder holds."""

    entries: list[Copied]
    is_folder: bool


class Target(msgspec.Struct, frozen=True):
    """Where things go and whose they are.

    Attributes:
        path: from the root, links above it resolved.
        mode: of files and folders; None keeps their own.
    """

    path: str
    is_folder: bool
    owner: tuple[int, int] = (0, 0)
    mode: int | None = None


def from_context(context: Path, rules: IgnoreRules, source: str) -> list[Source]:
    """What a source of the build's folder means: a list for each file or folder that it names.

    Raises:
        ImageRefused: nothing, something ignored, or something outside.
    """
    root = os.path.realpath(context)
    wanted = posixpath.normpath(posixpath.join("/", source)).lstrip("/")
    found = []
    for path in _matching(root, wanted):
        if rules.ignores(path) and not (rules.has_exceptions and os.path.isdir(f"{root}/{path}")):
            continue
        place = os.path.realpath(f"{root}/{path}") if path else root
        if place != root and not place.startswith(f"{root}/"):
            raise ImageRefused(f"{source!r} leads out of the build's folder")
        found.append(_entries(place, path, rules))
    if not found:
        raise ImageRefused(
            f"{source!r} is not in the build's folder (or .dockerignore leaves it out)"
        )
    return found


def _matching(root: str, wanted: str) -> list[str]:
    if not _WILD & set(wanted):
        return [wanted] if os.path.lexists(f"{root}/{wanted}") else []
    steps, paths = wanted.split("/"), [""]
    for step in steps:
        pattern = glob_pattern(step)
        below = []
        for path in paths:
            folder = f"{root}/{path}" if path else root
            if os.path.isdir(folder):
                names = sorted(name for name in os.listdir(folder) if pattern.fullmatch(name))
                below += [f"{path}/{name}" if path else name for name in names]
        paths = below
    return paths


def _entries(place: str, path: str, rules: IgnoreRules) -> Source:
    mode = os.stat(place).st_mode
    if not stat.S_ISDIR(mode):
        return Source([Copied(posixpath.basename(path), place, mode)], False)
    return Source(list(_below(place, path, "", rules)), True)


def _below(place: str, path: str, name: str, rules: IgnoreRules) -> Iterator[Copied]:
    for entry in sorted(os.scandir(place), key=lambda each: each.name):
        inside = f"{path}/{entry.name}" if path else entry.name
        below = f"{name}/{entry.name}" if name else entry.name
        mode = entry.stat(follow_symlinks=False).st_mode
        is_ignored = rules.ignores(inside)
        if not is_ignored:
            yield Copied(below, entry.path, mode)
        if stat.S_ISDIR(mode) and (not is_ignored or rules.has_exceptions):
            yield from _below(entry.path, inside, below, rules)


def from_view(view: RootView, source: str) -> list[Source]:
    """The same from another stage or image."""
    wanted = source.lstrip("/")
    found = []
    for path in _seen_matching(view, wanted):
        seen = view.see(path)
        if seen is None:
            continue
        if seen.is_folder:
            entries = [_copied(each, seen.path) for each in view.walk(seen.path)]
            found.append(Source(entries, True))
        else:
            copied = Copied(posixpath.basename(path), seen.place, seen.status.st_mode)
            found.append(Source([copied], False))
    if not found:
        raise ImageRefused(f"there is no {source!r}")
    return found


def _copied(seen: Seen, root: str) -> Copied:
    name = seen.path.removeprefix(f"{root}/") if root else seen.path
    return Copied(name, seen.place, seen.status.st_mode)


def _seen_matching(view: RootView, wanted: str) -> list[str]:
    if not _WILD & set(wanted):
        return [wanted]
    paths = [""]
    for step in wanted.split("/"):
        pattern = glob_pattern(step)
        below = []
        for path in paths:
            folder = view.see(path)
            if folder is not None and folder.is_folder:
                names = [name for name in view.names(folder.path) if pattern.fullmatch(name)]
                below += [f"{path}/{name}" if path else name for name in names]
        paths = below
    return paths


def write_parents(writer: LayerWriter, view: RootView, path: str, owner: tuple[int, int]) -> None:
    """The folders above and at a path: as they are, or new."""
    steps = path.split("/") if path else []
    for count in range(1, len(steps) + 1):
        name = "/".join(steps[:count])
        seen = view.see(name, follows=False)
        if seen is not None and seen.is_folder:
            told = seen.status
            writer.folder(name, stat.S_IMODE(told.st_mode), (told.st_uid, told.st_gid))
        else:
            writer.folder(name, 0o755, owner)


def write_entries(
    writer: LayerWriter, view: RootView, target: Target, entries: Iterable[Copied]
) -> None:
    """Write what was found below the target."""
    base = target.path if target.is_folder else posixpath.dirname(target.path)
    write_parents(writer, view, base, target.owner)
    for entry in entries:
        name = f"{target.path}/{entry.name}".strip("/") if target.is_folder else target.path
        mode = stat.S_IMODE(entry.status_mode) if target.mode is None else target.mode
        if not entry.place:
            _write(writer, name, io.BytesIO(entry.content), len(entry.content), mode, target)
        elif stat.S_ISDIR(entry.status_mode):
            writer.folder(name, mode, target.owner)
        elif stat.S_ISLNK(entry.status_mode):
            writer.link(name, os.readlink(entry.place), target.owner)
        elif stat.S_ISREG(entry.status_mode):
            with open(entry.place, "rb") as source:
                _write(writer, name, source, os.fstat(source.fileno()).st_size, mode, target)
        else:
            raise ImageRefused(f"{entry.place} is neither file, folder nor link")


def _write(
    writer: LayerWriter,
    name: str,
    source: io.BytesIO | io.BufferedReader,
    size: int,
    mode: int,
    target: Target,
) -> None:
    writer.file(name, source, size, mode, target.owner)


def is_archive(place: str) -> bool:
    """Whether ADD unpacks a file: a tar archive, plain or compressed."""
    with open(place, "rb") as file:
        start = file.read(512)
    if not any(start[at : at + len(magic)] == magic for at, magic in _ARCHIVES):
        return False
    return tarfile.is_tarfile(place)


def write_archive(writer: LayerWriter, view: RootView, target: Target, place: str) -> None:
    """Unpack an archive of the user's own below the target."""
    write_parents(writer, view, target.path, target.owner)
    with tarfile.open(place) as archive:
        for member in archive:
            steps = [step for step in member.name.split("/") if step not in ("", ".")]
            if ".." in steps:
                raise ImageRefused(f"the entry {member.name!r} climbs out of the archive")
            name = "/".join([*filter(None, [target.path]), *steps])
            owner = (member.uid, member.gid)
            if not steps:
                continue
            if member.isdir():
                writer.folder(name, member.mode, owner)
            elif member.issym():
                writer.link(name, member.linkname, owner)
            elif member.isfile() or member.islnk():
                content = archive.extractfile(member)
                if content is None:
                    raise ImageRefused(f"the entry {member.name!r} has no content")
                size = member.size if member.isfile() else _link_size(archive, member)
                writer.file(name, content, size, member.mode, owner)
            else:
                raise ImageRefused(f"the entry {member.name!r} is neither file, folder nor link")


def _link_size(archive: tarfile.TarFile, member: tarfile.TarInfo) -> int:
    while member.islnk():
        member = archive.getmember(member.linkname)
    return member.size
