"""Brings a lane the finished segments of a recording, whole, as pieces: each once, in order, whenever they were recorded."""

from __future__ import annotations

import asyncio
import itertools
import logging
from typing import Any

from pileus.compute.engines.feed import HOLE_MS, NOTHING, Position
from pileus.compute.engines.lane import Chunk
from pileus.kernel.calls import ReadCall, StreamCall
from pileus.ports import intakes as messages
from pileus.ports.blobs import BlobNotFound, BlobsUnavailable
from pileus.ports.intakes import Intakes
from pileus.services.media import store
from pileus.services.media.feeds import UNSURE_MS, Taker
from pileus.services.media.model import Segment, Source

_log = logging.getLogger("pileus.media")
_WAITING_MAX = 16
_PAUSE_S = 1.0
EXPIRED = "expired"
"""Left out because the recording was deleted before an instance looked."""


class SegmentFeed:
    """The segments of a source that lie behind a position, by their ends.

    A segment that an interruption has cut short is recorded anew, and longer, when a file is read again, so the last
    one before an interruption waits until it was read again or another one follows.

    Args:
        after: where the lane begins; None: with what is finished from now on.
    """

    lane: Taker

    def __init__(self, call: StreamCall, source: str, after: Position | None) -> None:
        self._call, self._source = call, source
        self._kept_from_ms = -1
        self._numbers = itertools.count(1)
        self._news = asyncio.Event()
        self._missed_ms = 0
        self._finished, self._is_over = NOTHING, False
        self._after = self._newest() if after is None else after

    # -- what the source's process tells ----------------------------------------------------

    def live(self, chunk: Chunk) -> None:
        """No piece of a ring is for this lane."""

    def lull(self, told: messages.Lull, stream: str) -> None:
        """Segments hold silences too."""

    def recording(self, stream: str, start_ms: int) -> None:
        """It comes when it is finished."""
        self._is_over = False

    def finished(self, told: messages.Segment) -> None:
        """A segment is kept, or waits in the spool for the store to come back."""
        self._finished = Position(told.stream, told.stop_ms)
        self._news.set()

    def over(self) -> None:
        """The last one was told."""
        self._is_over = True
        self._news.set()

    def gone(self) -> None:
        """What is finished is kept."""

    # -- what the lane says -----------------------------------------------------------------

    def fall_behind_before(self, chunk: Chunk) -> None:
        """From this segment on, everything again."""
        self.fall_behind_at(Position(chunk.stream, chunk.start_ms))

    def fall_behind_at(self, begin: Position) -> None:
        """From a moment on, everything again."""
        self._after, self._kept_from_ms = begin, -1
        self.lane.caught_up()
        self._news.set()

    def progressed(self) -> None:
        """There is room for more."""
        self._news.set()

    @property
    def is_behind(self) -> bool:
        """Whether segments are kept that the lane has not got."""
        return self._next() is not None

    def shown(self) -> dict[str, Any]:
        """Members of ``Lane``."""
        return {"Behind": False, "MissedMs": self._missed_ms}

    # -- bringing ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Bring segments as they are kept, until cancelled."""
        while True:
            self._news.clear()
            segment = None if self.lane.pending >= _WAITING_MAX else self._next()
            if segment is None:
                await self._news.wait()
                continue
            self._note_hole(segment)
            self._after = Position(segment.stream, segment.stop_ms)
            self._kept_from_ms = segment.captured_at_ms
            self.lane.take(self._chunk(segment), is_replayed=True)

    def _chunk(self, segment: Segment) -> Chunk:
        return Chunk(
            stream=segment.stream,
            ring="",
            number=next(self._numbers),
            start_ms=segment.start_ms,
            stop_ms=segment.stop_ms,
            captured_at_ms=segment.captured_at_ms,
            record=segment.blob,
        )

    def _next(self) -> Segment | None:
        """The oldest kept segment behind the last one."""

        def look(view: ReadCall) -> Segment | None:
            source = store.find(view.state, "source", self._source)
            if source is None:
                return None
            from_ms = max(0, self._kept_from_ms)
            if self._kept_from_ms < 0 and source.is_live:
                from_ms = max(0, source.epoch_ms + self._after.ms - UNSURE_MS)
            prefix = ("segment", self._source)
            first: Segment | None = None
            for _, raw in view.state.range(prefix, start=(*prefix, from_ms)):
                found: Segment = store.SEGMENTS.decode(raw)
                if first is not None:
                    return first
                if Position(found.stream, found.stop_ms) > self._after:
                    first = found
            return first if first is None or self._is_settled(source, first) else None

        return self._call.read(look)

    def _is_settled(self, source: Source, last: Segment) -> bool:
        """Whether the last kept segment cannot become longer."""
        is_told = self._finished == Position(last.stream, last.stop_ms)
        return source.is_live or self._is_over or is_told or last.stream != source.stream

    def _newest(self) -> Position:
        """The end of what is kept."""

        def look(view: ReadCall) -> Position:
            rows = view.state.range(("segment", self._source))
            kept = [store.SEGMENTS.decode(raw) for _, raw in rows]
            return max((Position(each.stream, each.stop_ms) for each in kept), default=NOTHING)

        return self._call.read(look)

    def _note_hole(self, segment: Segment) -> None:
        """Count what no recording has."""
        between_ms = segment.start_ms - self._after.ms
        if self._after.stream == segment.stream and between_ms > HOLE_MS:
            self._missed_ms += between_ms


class SegmentFiles:
    """Lays segments where instances see them, while they are looked at."""

    def __init__(self, call: StreamCall, intakes: Intakes) -> None:
        self._call, self._intakes = call, intakes

    async def lay(self, chunks: list[Chunk]) -> dict[int, str]:
        """Paths by number; whose recording was deleted meanwhile has none. Waits while the store is away.

        Raises:
            OSError: the disk is full.
        """
        paths: dict[int, str] = {}
        try:
            for chunk in chunks:
                path = await self._lay(chunk.record)
                if path:
                    paths[chunk.number] = path
        except BaseException:
            await self.take_away(paths)
            raise
        return paths

    async def _lay(self, blob: str) -> str:
        while True:
            try:
                return await self._intakes.lay(self._call.blobs.get(blob))
            except BlobNotFound:
                return ""
            except BlobsUnavailable as problem:
                _log.warning("a segment waits for the store: %s", problem)
                await self._call.clock.sleep(_PAUSE_S)

    async def take_away(self, paths: dict[int, str]) -> None:
        """Nobody looks at them any more."""
        for path in paths.values():
            await self._intakes.take_away(path)
