"""Blob names as file paths, and a walk over the paths that meets the names in order.

Each segment of a name is cut into pieces short enough for any file system; all but plain characters
are written ``%XX``. The last two characters of an entry tell what it is, so that ``a``, ``a/b`` and
a long segment beginning with ``a`` lie side by side: ``.f`` a blob, ``.d`` a segment with more
behind its slash, ``.c`` a piece that goes on. As nothing but this module's own suffix ends a path,
no name can lead out of the root.
"""

from __future__ import annotations

import heapq
import os
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

NAME_CHARS_MAX = 1024
_PIECE_CHARS = 80
_KINDS = (".f", ".c", ".d")
_SPECIAL = re.compile(r"[^A-Za-z0-9_.=,@+-]")
_ESCAPE = re.compile(r"%([0-9a-f]{2})")


def path_of(name: str) -> str:
    """The path, relative to the root, of the file that holds ``name``.

    Raises:
        ValueError: the name is empty, longer than NAME_CHARS_MAX, not ASCII, or has a segment
            ``.`` or ``..``.
    """
    if not name or len(name) > NAME_CHARS_MAX or not name.isascii():
        raise ValueError(f"a blob name is 1 to {NAME_CHARS_MAX} ASCII characters, not {name!r}")
    segments = name.split("/")
    if "." in segments or ".." in segments:
        raise ValueError(f"a blob name has no segments '.' and '..': {name!r}")
    parts = []
    for segment in segments:
        while len(segment) > _PIECE_CHARS:
            parts.append(_escaped(segment[:_PIECE_CHARS]) + ".c")
            segment = segment[_PIECE_CHARS:]
        parts.append(_escaped(segment) + ".d")
    parts[-1] = parts[-1][:-1] + "f"
    return "/".join(parts)


def walk(root: Path, prefix: str, after: str) -> Iterator[tuple[str, str]]:
    """Names under ``prefix`` and greater than ``after``, in order, each with its file's path."""
    return _walk(str(root), "", prefix, after)


def _walk(folder: str, begin: str, prefix: str, after: str) -> Iterator[tuple[str, str]]:
    """Names in ``folder``; all of them begin with ``begin``."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        # Its last blob was deleted meanwhile.
        return
    entries = [(_plain(name[:-2]), name[-2:]) for name in names if name[-2:] in _KINDS]
    entries.sort(key=_order)
    for piece, group in groupby(entries, key=lambda entry: entry[0]):
        kinds = [kind for _, kind in group]
        name = begin + piece
        if ".f" in kinds and name > after and name.startswith(prefix):
            yield name, f"{folder}/{_escaped(piece)}.f"
        # Both kinds in one group are those of a full piece: "<piece>/…" and "<piece>…" interleave.
        yield from heapq.merge(
            *(
                _below(f"{folder}/{_escaped(piece)}{kind}", begin, prefix, after)
                for kind, begin in ((".c", name), (".d", name + "/"))
                if kind in kinds
            )
        )


def _order(entry: tuple[str, str]) -> tuple[str, bool]:
    """Where an entry's names begin: a folder's hold a slash, a piece's go on after the blob's."""
    piece, kind = entry
    return (piece + "/" if kind == ".d" else piece, kind == ".c")


def _below(folder: str, begin: str, prefix: str, after: str) -> Iterator[tuple[str, str]]:
    """As :func:`_walk`, without looking where no name can be wanted."""
    if not (begin.startswith(prefix) or prefix.startswith(begin)):
        return
    if begin >= after or after.startswith(begin):
        yield from _walk(folder, begin, prefix, after)


def _escaped(piece: str) -> str:
    return _SPECIAL.sub(lambda match: f"%{ord(match[0]):02x}", piece)


def _plain(piece: str) -> str:
    if "%" not in piece:
        return piece
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), piece)
