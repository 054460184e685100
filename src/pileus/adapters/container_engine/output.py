"""A container's output between the engine, which keeps it, and whoever ships it.

Positions count the bytes of the engine's own log from its start, so that a later platform, which reads
that log again, knows what was shipped.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from pathlib import Path

from pileus.ports.tasks import OutputPiece
from pileus.runtime.container_output import LINE_BYTES_MAX

HELD_BYTES_MAX = 16 << 20
"""So much is held in memory; the rest waits in the engine's log."""
_SHIPPED = "shipped"


class Output:
    """Pieces of whole lines, from the position that was last forgotten on.

    Args:
        place: the container's folder.
    """

    def __init__(self, place: Path) -> None:
        self._place = place
        self._pieces: deque[tuple[int, OutputPiece]] = deque()
        self._partial = b""
        self._held = 0
        self._has_room = asyncio.Event()
        self._has_room.set()
        self.forgotten = forgotten_output(place)
        self.read_to = self.forgotten
        """Up to where the engine's log was read."""

    def take(self, at_ms: int, data: bytes) -> bool:
        """More of the log; whether that made pieces. The last line waits for its end."""
        self.read_to += len(data)
        whole, newline, rest = (self._partial + data).rpartition(b"\n")
        whole += newline
        while len(rest) > LINE_BYTES_MAX:
            whole, rest = whole + rest[:LINE_BYTES_MAX] + b"\n", rest[LINE_BYTES_MAX:]
        self._partial = rest
        return self._append(at_ms, whole, self.read_to - len(rest))

    def finish(self, at_ms: int) -> None:
        """Nothing more will come: what has no end is a piece as well."""
        rest, self._partial = self._partial, b""
        self._append(at_ms, rest, self.read_to)

    def _append(self, at_ms: int, data: bytes, end: int) -> bool:
        if not data:
            return False
        self._pieces.append((end, OutputPiece(at_ms, data)))
        self._held += len(data)
        if self._held >= HELD_BYTES_MAX:
            self._has_room.clear()
        return True

    async def room(self) -> None:
        """Wait until more can be held."""
        await self._has_room.wait()

    def read(self, position: int, bytes_max: int) -> tuple[list[OutputPiece], int]:
        """Pieces from ``position`` on, and where they end."""
        found: list[OutputPiece] = []
        size = 0
        for end, piece in self._pieces:
            if end > position and size < bytes_max:
                found.append(piece)
                size += len(piece.data)
                position = end
        return found, position

    def forget(self, position: int) -> None:
        """Note that what lies before was shipped."""
        fresh = self._place / f"{_SHIPPED}.new"
        fresh.write_text(str(position))
        os.replace(fresh, self._place / _SHIPPED)
        self.forgotten = position
        while self._pieces and self._pieces[0][0] <= position:
            self._held -= len(self._pieces.popleft()[1].data)
        if self._held < HELD_BYTES_MAX:
            self._has_room.set()


def forgotten_output(place: Path) -> int:
    """What :meth:`Output.forget` noted; 0 at first."""
    try:
        return int((place / _SHIPPED).read_text() or 0)
    except FileNotFoundError:
        return 0
