"""Brings a lane what another engine says, alone or beside the pictures that it was said of, or the records of
a source."""

from __future__ import annotations

import asyncio
from typing import Any

from pileus.compute.engines.feed import Position
from pileus.compute.engines.joining import Joining
from pileus.compute.engines.lane import NEVER, OVERWRITTEN, Chunk
from pileus.kernel.calls import StreamCall
from pileus.ports import intakes as messages
from pileus.ports.log import OffsetOutOfRange
from pileus.services.media.feeds import SourceFeed, Taker
from pileus.services.media.model import Engine
from pileus.services.media.result_log import ResultLog
from pileus.services.media.store import RECORDS

_WAITING_MAX = 32
FORGOTTEN = "forgotten"
"""Left out because the Log has forgotten it: it was too old, or there was too much."""


class ResultFeed:
    """The records of another engine on the same source, or the source's own, in order, out of the Log.

    Args:
        engine: the one that gets them.
        is_whole: a record counts by its end rather than by its beginning: a stream engine goes on where it
            had taken the stream.
    """

    lane: Taker

    def __init__(self, call: StreamCall, source: str, engine: Engine, *, is_whole: bool) -> None:
        self._call = call
        self._log = ResultLog(call, source, engine.input.results or RECORDS)
        self._is_lossless = engine.when_behind == NEVER
        self._is_whole = is_whole
        self._offset = -1
        self._again: Position | None = None
        self._news = asyncio.Event()

    async def open(self, after: Position | None) -> None:
        """Begin behind a position, or with what is said from now on. Raises LogUnavailable."""
        await self._log.open()
        self._offset = self._log.bounds()[1] if after is None else await self._find(after)

    async def _find(self, after: Position) -> int:
        """The first offset whose record lies behind a position."""
        low, high = self._log.bounds()
        while low < high:
            middle = (low + high) // 2
            (document,) = await self._log.read(middle, 1)
            if self._place(document) > after:
                high = middle
            else:
                low = middle + 1
        return low

    def _place(self, document: dict[str, Any]) -> Position:
        chunk = document["chunk"]
        at_ms = chunk["stop_ms"] if self._is_whole else chunk["start_ms"]
        return Position(document["stream"], at_ms)

    # -- what the source's process tells is none of this feed's -------------------------------

    def live(self, chunk: Chunk) -> None:
        """No piece of the source is for this lane."""

    def recording(self, stream: str, start_ms: int) -> None:
        """The Log is the recording."""

    def finished(self, told: messages.Segment) -> None:
        """The Log is the recording."""

    def lull(self, told: messages.Lull, stream: str) -> None:
        """No piece of the source is for this lane."""

    def over(self) -> None:
        """The Log is the recording."""

    def gone(self) -> None:
        """The Log stays."""

    # -- what the lane says -------------------------------------------------------------------

    def fall_behind_before(self, chunk: Chunk) -> None:
        """A piece found no room: from it on, everything again."""
        self._offset = chunk.number - 1
        self.lane.caught_up()
        self._news.set()

    def fall_behind_at(self, begin: Position) -> None:
        """From a moment on, everything again."""
        self._again = begin
        self._news.set()

    def progressed(self) -> None:
        """There is room for more."""
        self._news.set()

    @property
    def is_behind(self) -> bool:
        """Whether there are records that the lane has not got."""
        return self._again is not None or self._offset < self._log.bounds()[1]

    def shown(self) -> dict[str, Any]:
        """Members of ``Lane``."""
        return {"Behind": False, "MissedMs": 0}

    # -- bringing -----------------------------------------------------------------------------

    async def run(self) -> None:
        """Bring records as they are written, until cancelled."""
        while True:
            self._news.clear()
            if self._again is not None:
                begin, self._again = self._again, None
                self._offset = await self._find(begin)
                self.lane.caught_up()
            if self._is_lossless and self.lane.pending >= _WAITING_MAX:
                await self._news.wait()
            elif self._offset < self._log.bounds()[1]:
                await self._bring()
            else:
                await self._wait()

    async def _bring(self) -> None:
        offset = self._offset
        try:
            documents = await self._log.read(offset, _WAITING_MAX)
        except OffsetOutOfRange:
            low = self._log.bounds()[0]
            for _ in range(low - self._offset):
                self.lane.left_out(FORGOTTEN)
            self._offset = max(self._offset, low)
            return
        if self._again is not None or offset != self._offset:
            return  # the lane wants others meanwhile
        for document in documents:
            self._offset += 1
            chunk = _chunk(document, self._offset)
            if not self.lane.take(chunk, is_replayed=self._is_lossless):
                return

    async def _wait(self) -> None:
        """For the next record, or for what the lane says."""
        written = asyncio.ensure_future(self._call.log.wait(self._log.topic, 0, self._offset))
        news = asyncio.ensure_future(self._news.wait())
        try:
            await asyncio.wait({written, news}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            written.cancel()
            news.cancel()


def _chunk(document: dict[str, Any], number: int) -> Chunk:
    chunk = document["chunk"]
    return Chunk(
        stream=document["stream"],
        ring="",
        number=number,
        start_ms=chunk["start_ms"],
        stop_ms=chunk["stop_ms"],
        captured_at_ms=chunk["captured_at_ms"],
        record=document.get("record", document),
    )


class PairedFeed:
    """Pictures of the source, each with what another engine said of it.

    It stands between the two feeds and the lane. A picture waits for its record; where the ring cannot keep it
    for so long, it comes out of the recording, or is left out, as the engine wishes.
    """

    def __init__(self, frames: SourceFeed, records: ResultFeed, engine: Engine, waits: int) -> None:
        self._frames, self._records = frames, records
        self._joining = Joining(engine.input.step_ms / 2, waits)
        self._is_lossless = engine.when_behind == NEVER
        self.lane: Taker
        frames.lane = self
        records.lane = _Records(self, self._joining)

    # -- to the feed of pictures, this is the lane --------------------------------------------

    def take(self, chunk: Chunk, *, is_replayed: bool) -> bool:
        """A picture comes."""
        lost = self._joining.frame(chunk, is_replayed=is_replayed)
        if lost is not None and self._is_lossless:
            self.fall_behind_before(lost)
            return False
        if lost is not None:
            self.lane.left_out(OVERWRITTEN)
        self.hand_over()
        return True

    def caught_up(self) -> None:
        """The next picture is the one that was missed."""
        self._joining.forget_frames()
        self.lane.caught_up()

    def lowest(self, ring: str) -> int | None:
        """The lowest number of a ring that waits, here or in the lane."""
        found = [self._joining.lowest(ring), self.lane.lowest(ring)]
        return min((each for each in found if each is not None), default=None)

    @property
    def pending(self) -> int:
        """Pieces that the lane has."""
        return self.lane.pending

    def left_out(self, reason: str) -> None:
        """A piece was left out."""
        self.lane.left_out(reason)

    def hand_over(self) -> None:
        """Give the lane the pictures whose records are there."""
        for chunk, is_replayed in self._joining.pairs():
            if not self.lane.take(chunk, is_replayed=is_replayed):
                return
        self._records.progressed()

    # -- to the lane, this is the feed --------------------------------------------------------

    def live(self, chunk: Chunk) -> None:
        """A picture is in the ring."""
        self._frames.live(chunk)

    def recording(self, stream: str, start_ms: int) -> None:
        """A segment has begun."""
        self._frames.recording(stream, start_ms)

    def finished(self, told: messages.Segment) -> None:
        """A segment is finished."""
        self._frames.finished(told)

    def lull(self, told: messages.Lull, stream: str) -> None:
        """Pictures have none."""

    def over(self) -> None:
        """No further segment comes."""
        self._frames.over()

    def gone(self) -> None:
        """The source's process is gone."""
        self._frames.gone()

    def fall_behind_before(self, chunk: Chunk) -> None:
        """From this picture on, everything again: it, and what was said of it."""
        self._frames.fall_behind_before(chunk)
        self._records.fall_behind_at(Position(chunk.stream, chunk.start_ms - 1))

    def fall_behind_at(self, begin: Position) -> None:
        """From a moment on, everything again."""
        self._frames.fall_behind_at(begin)
        self._records.fall_behind_at(begin)

    def progressed(self) -> None:
        """There is room for more."""
        self._frames.progressed()
        self._records.progressed()

    @property
    def is_behind(self) -> bool:
        """Whether the lane has not got all there is."""
        return self._frames.is_behind or self._records.is_behind

    def shown(self) -> dict[str, Any]:
        """Members of ``Lane``."""
        return self._frames.shown()

    async def run(self) -> None:
        """Bring both, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._frames.run())
            group.create_task(self._records.run())


class _Records:
    """To the feed of records, the lane."""

    def __init__(self, feed: PairedFeed, joining: Joining) -> None:
        self._feed, self._joining = feed, joining

    def take(self, chunk: Chunk, *, is_replayed: bool) -> bool:
        self._joining.record(chunk)
        self._feed.hand_over()
        return True

    def caught_up(self) -> None:
        self._joining.forget_records()

    def lowest(self, ring: str) -> int | None:
        return None

    @property
    def pending(self) -> int:
        return self._joining.records

    def left_out(self, reason: str) -> None:
        """Nothing is left out of records."""
