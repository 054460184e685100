"""Names of the files in which segments of a source wait to be stored.

A name tells all that the segment's record will: whoever finds the file after a crash can store it.
"""

from __future__ import annotations

import re
from dataclasses import astuple, dataclass

_FINISHED = re.compile(r"(\d+)_([0-9A-Za-z]*)_(-?\d+)_(-?\d+)_(\d+)\.mkv")
_UNFINISHED = re.compile(r"\.(\d+)_\d+\.mkv")


@dataclass(frozen=True, order=True)
class SpoolName:
    """A finished segment's.

    Attributes:
        captured_at_ms: wall time of its first packet.
        stream: the life of the source it is of.
        start_ms, stop_ms: on the source's clock.
        pictures: in it.
    """

    captured_at_ms: int
    stream: str
    start_ms: int
    stop_ms: int
    pictures: int

    def __str__(self) -> str:
        captured_at_ms, *others = astuple(self)
        return "_".join([f"{captured_at_ms:015d}", *map(str, others)]) + ".mkv"

    @staticmethod
    def parse(name: str) -> SpoolName | None:
        """What a file's name tells; None for another file."""
        found = _FINISHED.fullmatch(name)
        if found is None:
            return None
        captured_at_ms, stream, *numbers = found.groups()
        return SpoolName(int(captured_at_ms), stream, *map(int, numbers))


def unfinished_name(process_id: int, captured_at_ms: int) -> str:
    """The name of a segment's file while that process writes it."""
    return f".{process_id}_{captured_at_ms:015d}.mkv"


def writer_of(name: str) -> int | None:
    """Which process writes the unfinished segment of that name; None for another file."""
    found = _UNFINISHED.fullmatch(name)
    return None if found is None else int(found[1])
