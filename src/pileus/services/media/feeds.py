"""Brings a lane its pieces: live ones out of the ring, those it missed out of the recording.

What decides is ``compute/engines/feed.py``. A recording is read by a process of its own for as long as the lane
is behind.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Protocol

from pileus.compute.engines.feed import Feed, Position, Span
from pileus.compute.engines.lane import Chunk
from pileus.kernel.calls import ReadCall, StreamCall
from pileus.ports import intakes as messages
from pileus.ports.blobs import BlobNotFound, BlobsUnavailable
from pileus.ports.intakes import Attach, Intakes
from pileus.services.media import store
from pileus.services.media.model import EngineInput, Segment
from pileus.services.media.replays import Replay, ReplayDied

_log = logging.getLogger("pileus.media")
_PAUSE_S = 1.0
UNSURE_MS = 600_000
"""Segments captured this much before a moment may still be of it: clocks are set."""
SLOTS = 64
_SLOTS_KEPT_MAX, _SLOTS_SOUND, _SLOTS_CUT = 256, 512, 24


def slots_of(wanted: EngineInput, segment_ms: int, *, is_lossless: bool) -> int:
    """Places of a ring. Lanes that miss nothing need what comes while a segment is under way, twice."""
    if wanted.is_cut:
        return _SLOTS_CUT
    if not is_lossless:
        return SLOTS
    if wanted.kind == "audio":
        return _SLOTS_SOUND
    needed = round(wanted.rate * segment_ms / 1000 * 6)
    return min(max(SLOTS, needed), _SLOTS_KEPT_MAX)


class Taker(Protocol):
    """The lane."""

    def take(self, chunk: Chunk, *, is_replayed: bool) -> bool:
        """Take a piece; False where it has fallen behind, and has said from where on."""
        ...

    def caught_up(self) -> None:
        """The next piece is the one that it missed."""
        ...

    def lowest(self, ring: str) -> int | None:
        """The lowest number of a ring that it is not done with."""
        ...

    @property
    def pending(self) -> int:
        """Pieces that it is not done with."""
        ...

    def left_out(self, reason: str) -> None:
        """A piece does not come to it at all."""
        ...


class LaneFeed(Protocol):
    """What brings a lane its pieces. ``live``, ``lull``, ``recording``, ``finished``, ``over`` and ``gone`` are what the source's
    process tells, the others what the lane says."""

    def live(self, chunk: Chunk) -> None: ...
    def recording(self, stream: str, start_ms: int) -> None: ...
    def finished(self, told: messages.Segment) -> None: ...
    def lull(self, told: messages.Lull, stream: str) -> None: ...
    def over(self) -> None: ...
    def gone(self) -> None: ...
    def fall_behind_before(self, chunk: Chunk) -> None: ...
    def fall_behind_at(self, begin: Position) -> None: ...
    def progressed(self) -> None: ...
    def shown(self) -> dict[str, Any]: ...
    async def run(self) -> None: ...

    @property
    def is_behind(self) -> bool: ...


class SourceFeed:
    """The pieces of one engine on one source.

    Args:
        feed: where the lane begins.
        wanted: what it looks at, and places of the ring of a replay.
    """

    def __init__(
        self,
        call: StreamCall,
        intakes: Intakes,
        source: str,
        wanted: tuple[EngineInput, int],
        feed: Feed,
    ) -> None:
        self._call, self._intakes, self._source = call, intakes, source
        self._input, self._slots = wanted
        self.feed = feed
        self.lane: Taker
        self._news = asyncio.Event()
        self._turn = 0
        self._replay: Replay | None = None
        self._kept_from_ms = -1

    # -- what the source's process tells ----------------------------------------------------

    def live(self, chunk: Chunk) -> None:
        """A piece is in the ring."""
        if self.feed.live(chunk):
            self._hand(chunk, is_replayed=False)
        if self.feed.is_behind:
            self._news.set()

    def lull(self, told: messages.Lull, stream: str) -> None:
        """There is no piece for a while."""
        start = Position(stream, told.start_ms)
        self.feed.lull(told.ring, start, told.stop_ms, told.captured_at_ms)
        if self.feed.is_behind:
            self._news.set()

    def recording(self, stream: str, start_ms: int) -> None:
        """A segment has begun."""
        self.feed.cut(stream, start_ms)
        if self.feed.is_behind:
            self._news.set()

    def finished(self, told: messages.Segment) -> None:
        """A segment is finished; it is stored by now, or waits in the spool."""
        self.feed.finished(Span(told.stream, told.start_ms, told.stop_ms))
        self._news.set()

    def over(self) -> None:
        """No further segment comes of this life of the source."""
        self.feed.over()
        self._news.set()

    def gone(self) -> None:
        """The process is gone."""
        self.feed.gone()
        self._news.set()

    def _hand(self, chunk: Chunk, *, is_replayed: bool) -> None:
        if self.lane.take(chunk, is_replayed=is_replayed):
            self.feed.took(chunk)

    # -- what the lane says -----------------------------------------------------------------

    def fall_behind_before(self, chunk: Chunk) -> None:
        """A piece was lost: from it on, everything again."""
        self.feed.fall_behind_before(chunk)
        self._again()

    def fall_behind_at(self, begin: Position) -> None:
        """From a moment on, everything again."""
        self.feed.fall_behind_at(begin)
        self._again()

    def _again(self) -> None:
        self._turn += 1
        self._kept_from_ms = -1
        self._news.set()
        if self._replay is not None:
            self._replay.abandon()

    @property
    def is_behind(self) -> bool:
        """Whether pieces come from the recording."""
        return self.feed.is_behind

    def shown(self) -> dict[str, Any]:
        """Members of ``Lane``."""
        return {"Behind": self.feed.is_behind, "MissedMs": self.feed.missed_ms}

    def progressed(self) -> None:
        """The lane is done with pieces: there is room for others."""
        if self._replay is not None:
            self._replay.give_credit(self.lane)

    # -- catching up ------------------------------------------------------------------------

    async def run(self) -> None:
        """Bring what the lane missed, whenever it is behind, until cancelled."""
        while True:
            self._news.clear()
            if not self.feed.is_behind:
                await self._news.wait()
                continue
            turn = self._turn
            self.lane.caught_up()
            try:
                await self._catch_up(turn)
            except (BlobNotFound, BlobsUnavailable, OSError, ReplayDied) as problem:
                _log.warning("replay of source %s begins anew: %s", self._source, problem)
                self.feed.fall_behind()
                await self._call.clock.sleep(_PAUSE_S)
            except asyncio.CancelledError:
                if self._replay is not None:
                    self._replay.abandon()
                raise
            finally:
                await self._close()

    async def _catch_up(self, turn: int) -> None:
        """Until the lane is live, or what it needs has changed."""
        while turn == self._turn:
            self._news.clear()
            segment = self._next_segment()
            if segment is not None:
                await self._play(segment)
                continue
            if self._replay is not None and not self.feed.is_recording:
                await self._play(None)
            new = None if turn != self._turn else self.feed.join()
            if new is not None:
                for chunk in new:
                    self._hand(chunk, is_replayed=True)
                return
            if turn == self._turn:
                await self._news.wait()

    def _next_segment(self) -> Segment | None:
        """The oldest kept segment of which pieces are wanted."""

        def look(view: ReadCall) -> Segment | None:
            source = store.find(view.state, "source", self._source)
            if source is None:
                return None
            prefix = ("segment", self._source)
            from_ms = max(0, self._kept_from_ms)
            if self._kept_from_ms < 0 and source.is_live:
                from_ms = max(0, source.epoch_ms + self.feed.taken.ms - UNSURE_MS)
            for _, raw in view.state.range(prefix, start=(*prefix, from_ms)):
                found: Segment = store.SEGMENTS.decode(raw)
                if self.feed.wants(Span(found.stream, found.start_ms, found.stop_ms)):
                    return found
            return None

        return self._call.read(look)

    async def _play(self, segment: Segment | None) -> None:
        """Have a segment's pieces made and hand them over; None: what is kept at the end."""
        if segment is not None:
            span = Span(segment.stream, segment.start_ms, segment.stop_ms)
            replay = await self._replay_of(segment.stream)
            self.feed.replaying(span)
            self._kept_from_ms = segment.captured_at_ms
            await replay.feed(segment, self._call.blobs.get(segment.blob))
        else:
            assert self._replay is not None
            replay = self._replay
            replay.finish()
        replay.give_credit(self.lane)
        async for piece in replay.pieces():
            if isinstance(piece, Position):
                self.feed.had(piece)
            elif self.feed.is_new(piece):
                self._hand(piece, is_replayed=True)
            replay.give_credit(self.lane)

    async def _replay_of(self, stream: str) -> Replay:
        """The process that reads the recording: one for each life of the source."""
        if self._replay is not None and self._replay.stream != stream:
            await self._play(None)
            await self._close()
        if self._replay is None:
            wanted = Attach(
                id=f"replay-{self._turn}",
                kind=self._input.kind,
                rate=self._input.rate,
                width=self._input.width,
                gate=self._input.gate,
                format=self._input.format,
                slots=self._slots,
                from_ms=self.feed.from_ms if stream == self.feed.taken.stream else -1,
                pause_ms=self._input.pause_ms,
                least_ms=self._input.least_ms,
                most_ms=self._input.most_ms,
            )
            process = await self._intakes.replay(f"recording of {self._source}", wanted)
            self._replay = Replay(process, stream, self._slots)
        return self._replay

    async def _close(self) -> None:
        replay, self._replay = self._replay, None
        if replay is not None:
            # Pieces that the lane has still lie in its ring.
            while self.lane.lowest(replay.ring) is not None and not replay.is_abandoned:
                await self._call.clock.sleep(0.05)
            await replay.close()
