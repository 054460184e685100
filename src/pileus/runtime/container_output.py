"""A container's output on disk: time-stamped pieces in segment files, until somebody has shipped them.

A piece is whole lines: what has no end yet is held until it has one, grows too long, or the container
ends. So a reader may begin anew at the end of any piece. The keeper writes, the platform reads; a platform that was away finds everything. Positions count the
bytes of the files since the container started, frames included.
"""

from __future__ import annotations

import itertools
import os
import struct
from typing import BinaryIO

_FRAME = struct.Struct(">QI")
_PREFIX = "output-"
SEGMENT_BYTES = 4 << 20
WAITING_BYTES_MAX = 256 << 20
"""So much may wait on disk; then the container waits in its next write, as with AWS's blocking mode."""
READ_BYTES = 64 << 10
LINE_BYTES_MAX = (256 << 10) - 26
"""Longest line kept whole: CloudWatch Logs takes no longer event."""
_SHIPPED = "shipped"


class OutputWriter:
    """Appends; made once per container, by its keeper."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None
        self._start = 0
        self._partial = b""
        self.position = 0

    @property
    def is_full(self) -> bool:
        """Whether too much waits for the reader."""
        if self.position < WAITING_BYTES_MAX:
            return False
        segments = _segments(self._folder)
        return bool(segments) and self.position - segments[0] >= WAITING_BYTES_MAX

    def write(self, at_ms: int, data: bytes) -> None:
        """Keep what came; its last line waits for its end."""
        whole, newline, rest = (self._partial + data).rpartition(b"\n")
        if len(rest) > LINE_BYTES_MAX:
            whole, newline, rest = (
                whole + newline + rest[:LINE_BYTES_MAX],
                b"\n",
                rest[LINE_BYTES_MAX:],
            )
        self._partial = rest
        if newline:
            self._append(at_ms, whole + newline)

    def finish(self, at_ms: int) -> None:
        """Nothing more will come: keep what has no end as well."""
        if self._partial:
            self._append(at_ms, self._partial)
            self._partial = b""
        self.close()

    def _append(self, at_ms: int, piece: bytes) -> None:
        if self._file is None or self.position - self._start >= SEGMENT_BYTES:
            self.close()
            self._start = self.position
            self._file = open(_path(self._folder, self._start), "ab", buffering=0)  # noqa: SIM115 - closed by close()
        self._file.write(_FRAME.pack(at_ms, len(piece)) + piece)
        self.position += _FRAME.size + len(piece)

    def close(self) -> None:
        """Finish the current segment."""
        if self._file is not None:
            self._file.close()
            self._file = None


def read_output(folder: str, position: int, bytes_max: int) -> tuple[list[tuple[int, bytes]], int]:
    """Whole pieces from ``position`` on, as ``(ms since the epoch, bytes)``, and where they end."""
    segments = [start for start in _segments(folder) if start <= position]
    if not segments:
        return [], position
    start = segments[-1]
    with open(_path(folder, start), "rb") as file:
        file.seek(position - start)
        raw = file.read(bytes_max)
    pieces: list[tuple[int, bytes]] = []
    at = 0
    while at + _FRAME.size <= len(raw):
        at_ms, size = _FRAME.unpack_from(raw, at)
        end = at + _FRAME.size + size
        if end > len(raw):
            break
        pieces.append((at_ms, raw[at + _FRAME.size : end]))
        at = end
    return pieces, position + at


def forgotten_output(folder: str) -> int:
    """Up to where output was forgotten."""
    try:
        with open(f"{folder}/{_SHIPPED}") as file:
            return int(file.read() or 0)
    except FileNotFoundError:
        return 0


def forget_output(folder: str, position: int) -> None:
    """Note that everything before ``position`` was shipped, and delete what ends before it."""
    with open(f"{folder}/{_SHIPPED}.new", "w") as file:
        file.write(str(position))
    os.replace(f"{folder}/{_SHIPPED}.new", f"{folder}/{_SHIPPED}")
    segments = _segments(folder)
    for start, following in itertools.pairwise(segments):
        if following <= position:
            os.unlink(_path(folder, start))


def _segments(folder: str) -> list[int]:
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    return sorted(int(name[len(_PREFIX) :], 16) for name in names if name.startswith(_PREFIX))


def _path(folder: str, start: int) -> str:
    return f"{folder}/{_PREFIX}{start:016x}"
