"""The segment files of one partition: opened after a crash, indexed, read. Blocking."""

from __future__ import annotations

import os
from bisect import bisect_right
from pathlib import Path

import msgspec

from pileus.adapters.disk import flush_file
from pileus.adapters.log_frames import Seal, decode_frame, scan_frames
from pileus.ports.log import LogUnavailable, Record

_INDEX_STEP_BYTES = 64 * 1024
_SUFFIX = ".log"


class Segment(msgspec.Struct):
    """A file with the records from ``base`` on.

    Attributes:
        index: offset and position of some frames, in order; None before the first use.
    """

    path: str
    base: int
    index: list[tuple[int, int]] | None = msgspec.field(default_factory=list)

    def note(self, first: int, position: int) -> None:
        """Put a frame into the index, if the last one there is far enough behind it."""
        if self.index is None:
            # Built from the file when first wanted, this frame included.
            return
        if not self.index or position - self.index[-1][1] >= _INDEX_STEP_BYTES:
            self.index.append((first, position))

    def position_of(self, offset: int) -> int:
        """Where to begin looking for ``offset``."""
        assert self.index is not None
        at = bisect_right(self.index, (offset, 1 << 62)) - 1
        return self.index[at][1] if at >= 0 else 0


class Recovered(msgspec.Struct, frozen=True):
    """What a partition's folder held: its segments, the next offset, the last segment's length."""

    segments: list[Segment]
    next_offset: int
    size_bytes: int


class CleanEnd(msgspec.Struct, frozen=True):
    """Where a partition's last segment ended when the log was closed."""

    base: int
    size_bytes: int
    next_offset: int


def segment_path(folder: Path, base: int) -> str:
    return f"{folder}/{base:020d}{_SUFFIX}"


def recover(folder: Path, end_known: CleanEnd | None = None) -> Recovered:
    """Open a partition's folder: list its segments and cut the last one's torn tail.

    The search for the tail is spared where the last segment still ends at ``end_known``.
    """
    paths = sorted(folder.glob(f"*{_SUFFIX}")) if folder.is_dir() else []
    if not paths:
        return Recovered([], 0, 0)
    segments = [Segment(str(path), int(path.stem), None) for path in paths]
    last = segments[-1]
    size_bytes = os.path.getsize(last.path)
    if end_known and (end_known.base, end_known.size_bytes) == (last.base, size_bytes):
        return Recovered(segments, end_known.next_offset, size_bytes)
    last.index = []
    fd = os.open(last.path, os.O_RDWR)
    try:
        following, end = last.base, 0
        for frame in scan_frames(fd, 0):
            if frame.first != following:
                break
            last.note(frame.first, frame.position)
            following, end = frame.first + frame.count, frame.end
        if os.fstat(fd).st_size > end:
            os.ftruncate(fd, end)
            flush_file(fd)
    finally:
        os.close(fd)
    return Recovered(segments, following, end)


def build_index(path: str) -> list[tuple[int, int]]:
    """The index of a segment that is no longer written to."""
    segment = Segment(path, 0)
    fd = os.open(path, os.O_RDONLY)
    try:
        for frame in scan_frames(fd, 0):
            segment.note(frame.first, frame.position)
    finally:
        os.close(fd)
    assert segment.index is not None
    return segment.index


class Wanted(msgspec.Struct, frozen=True):
    """Records ``start`` to ``stop`` (exclusive), as many as ``limit`` and ``bytes_max`` allow.

    The first is given even if it is larger than ``bytes_max``.
    """

    start: int
    stop: int
    limit: int
    bytes_max: int


def read_segment(path: str, position: int, wanted: Wanted, seal: Seal) -> list[Record]:
    """The wanted records, all of which lie in this segment from ``position`` on.

    Raises:
        LogUnavailable: a frame that was acknowledged is damaged.
    """
    found: list[Record] = []
    held_bytes = 0
    offset = wanted.start
    fd = os.open(path, os.O_RDONLY)
    try:
        for frame in scan_frames(fd, position):
            if frame.first + frame.count <= offset:
                continue
            for record in decode_frame(frame, seal)[max(0, offset - frame.first) :]:
                held_bytes += len(record.key) + len(record.value)
                is_full = len(found) >= wanted.limit or held_bytes > wanted.bytes_max
                if record.offset >= wanted.stop or (found and is_full):
                    return found
                found.append(record)
                offset = record.offset + 1
            if offset >= wanted.stop:
                return found
    finally:
        os.close(fd)
    raise LogUnavailable(f"{path} is damaged: offset {offset} cannot be read")
