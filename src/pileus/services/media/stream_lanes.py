"""One stream engine on one source, running: its pieces go to one instance in order, what it says into the Log.

The instance starts with the stream and ends with it. When it is lost, a new one gets the stream again from
where the Log's last record says (``compute/engines/stream.py``).
"""

from __future__ import annotations

import asyncio
from typing import Any

from pileus.compute.engines.feed import NOTHING, Position
from pileus.compute.engines.lane import Chunk
from pileus.compute.engines.stream import Said, Stream, StreamSettings, Written
from pileus.kernel.calls import StreamCall
from pileus.languages.media_results import InvalidResult, checked
from pileus.services.media.engines import (
    REASON_MAX,
    CannotRun,
    EngineFailed,
    EngineInstance,
    Engines,
    event_of,
)
from pileus.services.media.feeds import LaneFeed
from pileus.services.media.lane_figures import Sample
from pileus.services.media.model import Engine
from pileus.services.media.result_log import LaneLog

_PAUSE_S = 1.0


class StreamLane:
    """A stream engine on a source. Begun by :meth:`run`, which ends the instance when it is cancelled.

    Args:
        waiting_max: pieces that may wait before ``WhenBehind`` counts.

    Attributes:
        feed: brings the pieces; set before :meth:`run`.
    """

    feed: LaneFeed

    def __init__(
        self, call: StreamCall, source: str, engine: Engine, rings_dir: str, waiting_max: int
    ) -> None:
        self._call, self._source = call, source
        self._engines = call.part(Engines)
        self._rings_dir = rings_dir
        self.engine = engine
        self._settings = StreamSettings(
            waiting_max=waiting_max,
            when_behind=engine.when_behind,
            attempts_max=engine.attempts_max,
            rewind_ms=engine.rewind_ms,
        )
        self._stream = Stream(self._settings, None)
        self._instance: EngineInstance | None = None
        self._news, self._rested = asyncio.Event(), asyncio.Event()
        self._log = LaneLog(call, source, engine)
        self.figures = self._log.figures

    async def open(self) -> Position:
        """Find out where the stream goes on. Raises LogUnavailable."""
        last = await self._log.open()
        if last is None:
            return NOTHING
        written = _written(last)
        self._stream = Stream(self._settings, written)
        return self._stream.begins_at(written)

    # -- pieces -----------------------------------------------------------------------------

    def take(self, chunk: Chunk, *, is_replayed: bool) -> bool:
        """Take a piece; False where the lane has fallen behind."""
        is_taken = self._stream.offer(chunk, is_replayed=is_replayed)
        if self._stream.behind is not None and not (is_taken or is_replayed):
            self.feed.fall_behind_at(self._stream.behind)
        self._news.set()
        return is_taken

    def caught_up(self) -> None:
        """The next piece is the one that found no room, or was lost."""
        self._stream.caught_up()

    def lowest(self, ring: str) -> int | None:
        """The lowest number of a ring that the instance has not taken."""
        return self._stream.lowest(ring)

    @property
    def pending(self) -> int:
        """Pieces that the instance has not taken."""
        return self._stream.pending

    def left_out(self, reason: str) -> None:
        """A piece does not come to the lane at all."""
        self._stream.drops[reason] += 1

    async def end(self, *, is_forced: bool) -> None:
        """No piece comes any more: tell the instance, and return when what it said last is written."""
        self._stream.end(is_forced=is_forced)
        self._news.set()
        while self._stream.playing:
            self._rested.clear()
            await self._rested.wait()

    # -- the instance -----------------------------------------------------------------------

    async def run(self) -> None:
        """Feed the instance and write what it says, until cancelled."""
        self.figures.begun(self)
        try:
            while True:
                self._news.clear()
                self._sample(self._call.clock.now_ms())
                await self._log.tell()
                is_forced = self._stream.ends
                chunks = self._stream.next_call()
                if chunks:
                    await self._call_with(chunks)
                elif is_forced is not None:
                    await self._end(is_forced=is_forced)
                else:
                    self._rested.set()
                    await self._news.wait()
        finally:
            self.figures.ended(self)
            await self._close()

    def _sample(self, now_ms: int) -> None:
        pending, is_there = self._stream.pending, int(self._instance is not None)
        sample = Sample(
            lag_ms=self._stream.lag_ms(now_ms),
            waiting=pending,
            pending=pending,
            busy=is_there,
            wanted=is_there,
        )
        self.figures.sampled(now_ms, sample)
        self._log.dropped(self._stream.drops)

    async def _call_with(self, chunks: list[Chunk]) -> None:
        resumed = self._stream.resumed
        resume = None if resumed is None else {"state": resumed.state}
        told = await self._ask(event_of(chunks, self._source, resume=resume))
        if told is None:
            return
        try:
            series = _series(told)
        except InvalidResult as problem:
            await self._failed(f"Engine.WrongResult: {problem}", is_alive=True)
            return
        self.figures.answered(self._call.clock.now_ms())
        await self._write(self._stream.answered(told, series))
        if self._stream.behind is not None:
            self.feed.fall_behind_at(self._stream.behind)
        self.feed.progressed()

    async def _end(self, *, is_forced: bool) -> None:
        if self._instance is None:  # it was lost between two calls
            await self._failed("The instance ended.", is_lost=True)
            return
        told = await self._ask({"op": "end", "forced": is_forced})
        if told is None:
            return
        try:
            series = _series(told)
        except InvalidResult as problem:
            await self._failed(f"Engine.WrongResult: {problem}", is_alive=True)
            return
        await self._write(self._stream.ended(series, is_forced=is_forced))
        await self._close()

    async def _ask(self, event: dict[str, Any]) -> dict[str, Any] | None:
        """The instance's answer; None where it failed, which is dealt with."""
        try:
            if self._instance is None:
                self._instance = await self._engines.instance(
                    self._call, self.engine, self._rings_dir
                )
            return await self._instance.ask(self._call, self.engine, event)
        except CannotRun as why:
            await self._failed(str(why))
        except EngineFailed as why:
            await self._failed(str(why), is_alive=not why.is_lost, is_lost=why.is_lost)
        return None

    async def _failed(self, reason: str, *, is_alive: bool = False, is_lost: bool = False) -> None:
        """The instance goes; the stream is brought again to the next one."""
        reason = reason[:REASON_MAX]
        now_ms = self._call.clock.now_ms()
        self.figures.failed(now_ms, reason, is_alive=is_alive, is_lost=is_lost)
        await self._close()
        await self._write(self._stream.failed(reason))
        if self._stream.behind is not None:
            self.feed.fall_behind_at(self._stream.behind)
        # An engine that cannot start at all is not tried a hundred times a second.
        await self._call.clock.sleep(_PAUSE_S)

    async def _close(self) -> None:
        instance, self._instance = self._instance, None
        if instance is not None:
            await instance.close()

    # -- results ----------------------------------------------------------------------------

    async def _write(self, said: Said | None) -> None:
        if said is None:
            return
        await self._log.write([self._document(said, self._call.clock.now_ms())])

    def _document(self, said: Said, now_ms: int) -> dict[str, Any]:
        written = said.written
        place = {
            "start_ms": said.start_ms,
            "stop_ms": written.stop_ms,
            "captured_at_ms": said.captured_at_ms,
        }
        document = self._log.document(written.stream, place, said.series, now_ms)
        document["resume"] = {"from_ms": written.resume_ms}
        if written.has_checkpoint:
            document["resume"]["state"] = written.state
        if said.end:
            document["end"] = said.end
        if said.error:
            document["error"] = said.error
        return document

    def shown(self) -> dict[str, Any]:
        """The lane as DescribeLane tells it."""
        now_ms = self._call.clock.now_ms()
        self._sample(now_ms)
        return self.figures.shown(now_ms) | self.feed.shown()


def _written(document: dict[str, Any]) -> Written:
    """What a record of the Log tells."""
    chunk, resume = document["chunk"], document.get("resume") or {}
    return Written(
        stream=document["stream"],
        stop_ms=chunk["stop_ms"],
        resume_ms=resume.get("from_ms", chunk["stop_ms"]),
        has_checkpoint="state" in resume,
        state=resume.get("state"),
        is_ended="end" in document,
    )


def _series(told: dict[str, Any]) -> list[dict[str, Any]]:
    """What an instance emitted, checked, each with ``at_ms``. Raises InvalidResult."""
    found = []
    for each in told["emitted"]:
        at_ms = each.pop("at_ms")
        (series,) = checked([each], each["start_ms"], each["stop_ms"])
        found.append({**series, "at_ms": at_ms})
    return found
