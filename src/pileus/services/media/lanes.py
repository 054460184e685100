"""One object engine on one source, running: pieces go to instances, results into the Log in order.

A result is written once: after a restart a lane knows from the Log's last record what it has written, and
goes on behind it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from pileus.compute.engines.feed import NOTHING, Position
from pileus.compute.engines.lane import Batch, Chunk, Entry, Lane, LaneSettings, State
from pileus.compute.engines.scaling import EngineScale, Scaler, Seen
from pileus.kernel.calls import StreamCall
from pileus.languages.media_results import InvalidResult, checked
from pileus.services.media import function_calls
from pileus.services.media.engines import (
    REASON_MAX,
    CannotRun,
    EngineFailed,
    Engines,
    event_of,
    segments_event,
)
from pileus.services.media.feeds import LaneFeed
from pileus.services.media.lane_figures import Sample
from pileus.services.media.model import Engine
from pileus.services.media.result_log import LaneLog
from pileus.services.media.segment_feeds import EXPIRED, SegmentFiles

_PAUSE_S = 1.0


class ObjectLane:
    """An object engine on a source. Begun by :meth:`run`, which returns when the lane is cancelled.

    Args:
        waiting_max: pieces that may wait before ``WhenBehind`` counts.

    Attributes:
        feed: brings the pieces; set before :meth:`run`.
        files: of an engine that gets segments.
    """

    feed: LaneFeed
    files: SegmentFiles | None = None

    def __init__(
        self, call: StreamCall, source: str, engine: Engine, rings_dir: str, waiting_max: int
    ) -> None:
        self._call, self._source = call, source
        self._engines = call.part(Engines)
        self._rings_dir = rings_dir
        self.engine = engine
        self._lane = Lane(
            LaneSettings(
                batch_size=engine.batch_size,
                window_ms=engine.window_ms,
                when_behind=engine.when_behind,
                waiting_max=waiting_max,
                attempts_max=engine.attempts_max,
            )
        )
        scale = EngineScale(
            least=engine.scale_min,
            most=engine.scale_max,
            target_lag_ms=engine.target_lag_ms,
            idle_ms=engine.idle_ms,
        )
        self._scaler, self._wanted, self._busy = Scaler(scale), 0, 0
        self._news = asyncio.Event()
        self._log = LaneLog(call, source, engine)
        self.figures = self._log.figures

    async def open(self) -> Position:
        """Find out what was written before: the last piece's start, or its end where pieces are of any length.
        Raises LogUnavailable."""
        last = await self._log.open()
        at = "stop_ms" if self.engine.input.is_whole else "start_ms"
        return Position(last["stream"], last["chunk"][at]) if last else NOTHING

    def take(self, chunk: Chunk, *, is_replayed: bool) -> bool:
        """Take a piece; False where the lane has fallen behind."""
        is_taken = self._lane.offer(chunk, self._call.clock.now_ms(), is_replayed=is_replayed)
        if self._lane.behind is not None and not (is_taken or is_replayed):
            self.feed.fall_behind_before(self._lane.behind)
        self._news.set()
        return is_taken

    def caught_up(self) -> None:
        """The next piece is the one that found no room, or was lost."""
        self._lane.caught_up()

    def lowest(self, ring: str) -> int | None:
        """The lowest number of a ring that is not done."""
        return self._lane.lowest(ring)

    def left_out(self, reason: str) -> None:
        """A piece does not come to the lane at all."""
        self._lane.drops[reason] += 1

    async def end(self, *, is_forced: bool) -> None:
        """The stream is over: pieces were each for itself."""

    async def run(self) -> None:
        """Send batches and write results until cancelled."""
        self.figures.begun(self)
        try:
            while True:
                self._news.clear()
                now_ms = self._call.clock.now_ms()
                self._scale(now_ms)
                self._start(now_ms)
                await self._write()
                await self._log.tell()
                await self._rest(now_ms)
        finally:
            self.figures.ended(self)

    def _start(self, now_ms: int) -> None:
        """Give what waits to instances, as many as are wanted."""
        while self._busy < self._wanted:
            # Under load, while another instance works, a batch may form.
            batch = self._lane.next_batch(now_ms, is_instance_idle=not self._busy)
            if batch is None:
                return
            self._busy += 1
            self._call.spawn(f"engine {self.engine.name} on {self._source}", self._send(batch))

    async def _rest(self, now_ms: int) -> None:
        """Until something happened, a batch is old enough, or a second has passed: lag grows by itself."""
        if not self._lane.pending and not self._wanted:
            await self._news.wait()
            return
        until_ms, ripe_ms = now_ms + 1000, self._lane.ripe_at_ms()
        if ripe_ms is not None and now_ms < ripe_ms < until_ms and self._busy < self._wanted:
            until_ms = ripe_ms
        news = asyncio.ensure_future(self._news.wait())
        try:
            await self._call.clock.wait(news, until_ms)
        finally:
            news.cancel()

    def _scale(self, now_ms: int) -> None:
        seen = Seen(lag_ms=self._lane.lag_ms(now_ms), pending=self._lane.pending, busy=self._busy)
        self._wanted = self._scaler.wanted(self._wanted, seen, now_ms)
        self._sample(now_ms)

    def _sample(self, now_ms: int) -> None:
        sample = Sample(
            lag_ms=self._lane.lag_ms(now_ms),
            waiting=self._lane.waiting,
            pending=self._lane.pending,
            busy=self._busy,
            wanted=self._wanted,
        )
        self.figures.sampled(now_ms, sample)
        self._log.dropped(self._lane.drops)

    # -- a call -----------------------------------------------------------------------------

    async def _send(self, batch: Batch) -> None:
        """One call of the engine; what comes of it is told to the lane."""
        try:
            await self._invoke(batch)
        finally:
            self._busy -= 1
            self._news.set()

    async def _invoke(self, batch: Batch) -> None:
        if self.files is None:
            await self._ask(batch, event_of(batch.chunks, self._source))
            return
        try:
            paths = await self.files.lay(batch.chunks)
        except OSError as why:
            await self._failed(batch, str(why))
            return
        try:
            there = batch.only(paths)
            numbers = {each.number for each in batch.chunks} - set(paths)
            self._lane.leave_out(batch.only(numbers), EXPIRED)
            if paths:
                await self._ask(there, segments_event(there.chunks, self._source, paths))
        finally:
            await self.files.take_away(paths)

    async def _ask(self, batch: Batch, event: dict[str, Any]) -> None:
        try:
            if self.engine.function:
                told = await function_calls.ask(self._call, self.engine, event)
            else:
                told = await self._engines.invoke(self._call, self.engine, self._rings_dir, event)
        except CannotRun as why:
            await self._failed(batch, str(why))
        except EngineFailed as why:
            is_lost = why.is_lost
            await self._failed(batch, str(why), is_alive=not is_lost, is_lost=is_lost)
        else:
            self._completed(batch, told["results"])

    async def _failed(
        self, batch: Batch, reason: str, *, is_alive: bool = False, is_lost: bool = False
    ) -> None:
        reason = reason[:REASON_MAX]
        now_ms = self._call.clock.now_ms()
        self.figures.failed(now_ms, reason, is_alive=is_alive, is_lost=is_lost)
        self._lane.failed(batch, reason)
        # An engine that cannot start at all is not tried a hundred times a second.
        await self._call.clock.sleep(_PAUSE_S)

    def _completed(self, batch: Batch, told: list[dict[str, Any]]) -> None:
        chunks = {each.number: each for each in batch.chunks}
        results: dict[int, Any] = {}
        wrong: dict[int, str] = {}
        gone = []
        for each in told:
            chunk = chunks[each["number"]]
            if each.get("gone"):
                gone.append(chunk.number)
                continue
            try:
                results[chunk.number] = checked(each["result"], chunk.start_ms, chunk.stop_ms)
            except InvalidResult as problem:
                wrong[chunk.number] = f"Engine.WrongResult: {problem}"
        now_ms = self._call.clock.now_ms()
        if wrong:
            self.figures.failed(now_ms, next(iter(wrong.values())), is_alive=True)
        else:
            self.figures.answered(now_ms)
        self._lane.completed(batch, results, gone, wrong)
        lost = self._lane.behind
        if gone and lost is not None:
            self.feed.fall_behind_before(lost)

    # -- results ----------------------------------------------------------------------------

    async def _write(self) -> None:
        """Append what has come to its end, in order; a store that is away holds the lane up."""
        left = self._lane.leaving()
        if left:
            self.feed.progressed()
        left = [entry for entry in left if entry.state is not State.DROPPED]
        if not left:
            return
        now_ms = self._call.clock.now_ms()
        await self._log.write([self._document(entry, now_ms) for entry in left])

    def _document(self, entry: Entry, now_ms: int) -> dict[str, Any]:
        chunk = entry.chunk
        place = {
            "start_ms": chunk.start_ms,
            "stop_ms": chunk.stop_ms,
            "captured_at_ms": chunk.captured_at_ms,
        }
        document = self._log.document(chunk.stream, place, entry.result or [], now_ms)
        if entry.state is State.DEAD:
            document["error"] = entry.reason
        return document

    @property
    def pending(self) -> int:
        """Pieces that are not written yet."""
        return self._lane.pending

    def shown(self) -> dict[str, Any]:
        """The lane as DescribeLane tells it."""
        now_ms = self._call.clock.now_ms()
        self._sample(now_ms)
        alive = {"InstancesAlive": self._engines.alive(self._call, self.engine.name)}
        return self.figures.shown(now_ms) | self.feed.shown() | alive
