"""The process that reads a recording again for a lane, as the lane's feed sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from pileus.compute.engines.feed import Position
from pileus.compute.engines.lane import Chunk
from pileus.ports import intakes as messages
from pileus.ports.intakes import Credit, Finish, Replaying
from pileus.services.media.model import Segment


class Looker(Protocol):
    """Who takes its pieces."""

    def lowest(self, ring: str) -> int | None:
        """The lowest number of a ring that it is not done with."""
        ...


class ReplayDied(Exception):
    """The process that reads the recording has ended."""


class Replay:
    """A process that reads a recording.

    Args:
        stream: the life of the source that was recorded.
        slots: places of its ring.

    Attributes:
        ring: its ring, once it has made a piece.
        is_abandoned: nobody wants its pieces any more.
    """

    def __init__(self, process: Replaying, stream: str, slots: int) -> None:
        self.stream, self.ring, self.is_abandoned = stream, "", False
        self._process, self._slots = process, slots
        self._told = process.told()
        self._read = self._credit = 0

    async def feed(self, segment: Segment, data: AsyncIterator[bytes]) -> None:
        """Give it a segment's bytes."""
        told = messages.Segment(
            path="",
            stream=segment.stream,
            start_ms=segment.start_ms,
            stop_ms=segment.stop_ms,
            captured_at_ms=segment.captured_at_ms,
            size_bytes=segment.size_bytes,
            pictures=segment.pictures,
        )
        await self._process.feed(told, data)

    def finish(self) -> None:
        """No further segment comes."""
        self._process.send(Finish())

    def give_credit(self, lane: Looker) -> None:
        """Let it write where the lane is done."""
        low = lane.lowest(self.ring) or self._read + 1
        upto = min(low, self._read + 1) + self._slots - 1
        if upto > self._credit:
            self._credit = upto
            self._process.send(Credit(upto=upto))

    async def pieces(self) -> AsyncIterator[Chunk | Position]:
        """What it makes of the segment, and until where there is nothing; ends early once it is abandoned.
        Raises ReplayDied."""
        async for told in self._told:
            if self.is_abandoned:
                return
            if isinstance(told, messages.Decoded):
                return
            if isinstance(told, messages.Chunk):
                self._read, self.ring = told.number, told.ring
                yield chunk_of(told, told.stream)
            elif isinstance(told, messages.Lull):
                yield Position(told.stream, told.stop_ms)
        if not self.is_abandoned:
            raise ReplayDied("the process that reads the recording has ended")

    def abandon(self) -> None:
        """Nobody wants its pieces any more; who waits for them goes on."""
        self.is_abandoned = True
        self._process.send(messages.Stop())

    async def close(self) -> None:
        """End it; its ring goes away."""
        await self._process.close()


def chunk_of(told: messages.Chunk, stream: str) -> Chunk:
    """A piece as lanes know it."""
    return Chunk(
        stream=stream,
        ring=told.ring,
        number=told.number,
        start_ms=told.start_ms,
        stop_ms=told.stop_ms,
        captured_at_ms=told.captured_at_ms,
        record=told.record,
    )
