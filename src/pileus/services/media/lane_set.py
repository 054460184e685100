"""The lanes of one source: one for every engine of its pipelines, and an input for every wish."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

from pileus.compute.engines.cut_feed import CutFeed
from pileus.compute.engines.feed import NOTHING, Feed, Position
from pileus.compute.engines.lane import NEVER
from pileus.kernel.calls import ReadCall, StreamCall
from pileus.media.units import CUT_MEMORY_MS
from pileus.ports import intakes as messages
from pileus.ports.intakes import Intake, Intakes
from pileus.services.media import reading, store
from pileus.services.media.engines import Engines
from pileus.services.media.feeds import LaneFeed, SourceFeed, slots_of
from pileus.services.media.lanes import ObjectLane
from pileus.services.media.model import Engine, EngineInput, Pipeline, Segment, Source
from pileus.services.media.replays import chunk_of
from pileus.services.media.result_feeds import PairedFeed, ResultFeed
from pileus.services.media.result_log import ResultLog
from pileus.services.media.segment_feeds import SegmentFeed, SegmentFiles
from pileus.services.media.stream_lanes import StreamLane

_DRAIN_MS = 30_000
_MARGIN = 8
"""Places of a ring that may be written over while a piece is on its way to an instance."""
_WAITING = 32
_REPLAY_SLOTS, _REPLAY_SLOTS_SOUND, _REPLAY_SLOTS_CUT = 32, 128, 8
_JUST_NOW_MS = 5000
_OUT_OF_THE_LOG = ("results", "records")
_NOT_DECODED = frozenset({*_OUT_OF_THE_LOG, "segments"})
_Wish = tuple[EngineInput, int]
"""What pieces, in how many places."""


class LaneSet:
    """The lanes of one source, which go on from one of its lives to the next."""

    def __init__(self, call: StreamCall, source: str, intakes: Intakes) -> None:
        self._call, self._source, self._intakes = call, source, intakes
        self._lanes: dict[str, ObjectLane | StreamLane] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._intake: Intake | None = None
        self._inputs: dict[_Wish, str] = {}
        self._attached = 0
        self._stream = ""
        self._segment_ms = 2000
        self._cut_ms: int | None = None
        self._recorded_ms: int | None = None
        self._is_joining = self._has_records = False

    def get(self, engine: str) -> ObjectLane | StreamLane | None:
        """The lane of an engine, if it runs."""
        return self._lanes.get(engine)

    async def begin(self, source: Source, intake: Intake | None) -> None:
        """The source is read from now on; by a process, unless it has records."""
        self._stream, self._segment_ms = source.stream, source.segment_ms
        self._has_records = source.records is not None
        self._intake = intake
        self._inputs.clear()
        await self.align()

    def gone(self) -> None:
        """The process is gone, and its rings with it."""
        self._intake = self._cut_ms = self._recorded_ms = None
        for lane in self._lanes.values():
            lane.feed.gone()

    # -- what the process tells -------------------------------------------------------------

    def take(self, told: messages.Chunk) -> None:
        """A piece for those who want such."""
        chunk = chunk_of(told, self._stream)
        for lane in self._lanes.values():
            if self._inputs.get(self._wish(lane.engine)) == told.input:
                lane.feed.live(chunk)

    def lull(self, told: messages.Lull) -> None:
        """Sound has no piece for a while."""
        for lane in self._lanes.values():
            if self._inputs.get(self._wish(lane.engine)) == told.input:
                lane.feed.lull(told, self._stream)
                lane.figures.lull(told.reason, told.stop_ms - told.start_ms)

    def recording(self, start_ms: int) -> None:
        """A segment has begun."""
        self._cut_ms = start_ms
        if self._recorded_ms is None:
            self._recorded_ms = start_ms
        for lane in self._lanes.values():
            lane.feed.recording(self._stream, start_ms)

    def finished(self, told: messages.Segment) -> None:
        """A segment is finished and stored, unless the store is away."""
        self._cut_ms = None
        for lane in self._lanes.values():
            lane.feed.finished(told)

    def gated(self, left_out: Mapping[str, int]) -> None:
        """So many pictures have gates left out, by input."""
        for lane in self._lanes.values():
            lane.figures.gate(left_out.get(self._inputs.get(self._wish(lane.engine), ""), 0))

    async def drain(self, *, is_forced: bool) -> None:
        """The stream is over: let lanes finish what lies in the rings, or, where nothing may be left out,
        what was recorded; then tell them the end."""
        for lane in self._lanes.values():
            lane.feed.over()
        until_ms = self._call.clock.now_ms() + _DRAIN_MS
        for lane in self._in_order():
            is_patient = lane.engine.when_behind == NEVER
            while lane.pending or lane.feed.is_behind:
                if not is_patient and self._call.clock.now_ms() >= until_ms:
                    break
                await self._call.clock.sleep(0.05)
            else:
                await lane.end(is_forced=is_forced)

    def _in_order(self) -> list[ObjectLane | StreamLane]:
        """Every lane behind the one whose results it gets."""
        left, ordered = dict(self._lanes), list[ObjectLane | StreamLane]()
        while left:
            ready = [name for name, lane in left.items() if lane.engine.input.results not in left]
            ordered += [left.pop(name) for name in ready or list(left)]
        return ordered

    def close(self) -> None:
        """End every lane."""
        for name in list(self._lanes):
            self._end(name)

    # -- lanes ------------------------------------------------------------------------------

    async def align(self, *, is_joining: bool = False) -> None:
        """Have a lane for every engine of the source's pipelines, and an input for every wish.

        ``is_joining``: a pipeline has changed just now, so new lanes have missed nothing yet.
        """
        self._is_joining = is_joining
        wanted = self._call.read(self._engines)
        for name in [name for name in self._lanes if name not in wanted]:
            self._end(name)
        for name, (engine, begins_ms, is_earlier) in wanted.items():
            lane = self._lanes.get(name)
            if lane is not None and lane.engine.revision != engine.revision:
                self._end(name)
                lane = None
            if lane is None and self._stream:
                await self._begin(engine, begins_ms, is_earlier=is_earlier)
        wishes = {self._wish(engine) for engine, *_ in wanted.values()}
        self._align_inputs({wish for wish in wishes if wish[0].kind not in _NOT_DECODED})

    def _engines(self, view: ReadCall) -> dict[str, tuple[Engine, int, bool]]:
        """Engines, since when they are wanted, and whether what was before is wanted as well."""
        found: dict[str, tuple[Engine, int, bool]] = {}
        pipeline: Pipeline
        for pipeline in store.every(view.state, "pipeline"):
            if pipeline.source != self._source:
                continue
            for name in pipeline.engines:
                engine = store.find(view.state, "engine", name)
                if engine is not None and name not in found:
                    begins_ms = pipeline.begins.get(name, -1)
                    found[name] = (engine, begins_ms, name in pipeline.is_earlier)
        return found

    async def _begin(self, engine: Engine, begins_ms: int, *, is_earlier: bool) -> None:
        rings_dir = self._intakes.rings_dir
        is_lossless = engine.when_behind == NEVER
        slots = self._slots(engine)
        waiting_max = slots * 3 // 4 if is_lossless else min(_WAITING, slots // 2)
        kind = StreamLane if engine.mode == "stream" else ObjectLane
        lane = kind(self._call, self._source, engine, rings_dir, waiting_max)
        last = await lane.open()
        begin = None
        if self._is_from(begins_ms, is_lossless=is_lossless, is_earlier=is_earlier):
            begin = await self._place(begins_ms)
        lane.feed = await self._feed_of(lane, last, begin, begins_ms)
        self._call.part(Engines).expect(self._call, engine, rings_dir)
        self._lanes[engine.name] = lane
        name = f"lane {engine.name}"
        self._tasks[engine.name] = asyncio.get_running_loop().create_task(_run(lane), name=name)

    def _is_from(self, begins_ms: int, *, is_lossless: bool, is_earlier: bool) -> bool:
        """Whether an engine that has said nothing yet begins at that moment, rather than with what comes now."""
        passed_ms = self._call.clock.now_ms() - begins_ms
        is_just_now = self._is_joining and passed_ms < _JUST_NOW_MS
        return begins_ms >= 0 and (is_earlier or (is_lossless and not is_just_now))

    async def _feed_of(
        self, lane: ObjectLane | StreamLane, last: Position, begin: Position | None, begins_ms: int
    ) -> LaneFeed:
        """What brings a lane its pieces, from behind its last one on, or since it was wanted."""
        engine, records = lane.engine, None
        is_stream = isinstance(lane, StreamLane)
        if engine.input.kind == "segments" and isinstance(lane, ObjectLane):
            lane.files = SegmentFiles(self._call, self._intakes)
            segments = SegmentFeed(self._call, self._source, begin if last == NOTHING else last)
            segments.lane = lane
            return segments
        if engine.input.results or engine.input.kind == "records":
            records = ResultFeed(self._call, self._source, engine, is_whole=is_stream)
            await records.open(begin if last == NOTHING else last)
            if engine.input.kind in _OUT_OF_THE_LOG:
                records.lane = lane
                return records
        slots = self._slots(engine)
        is_lossless = engine.when_behind == NEVER
        feed = _feed(engine.input, slots - _MARGIN)
        if is_lossless:
            feed.miss_nothing(begins_ms if begins_ms >= 0 else None)
        if self._recorded_ms is not None:
            feed.cut(self._stream, self._recorded_ms)
        if self._cut_ms is not None:
            feed.cut(self._stream, self._cut_ms)
        if last != NOTHING and is_stream:
            feed.fall_behind_at(last)
        elif last != NOTHING:
            feed.fall_behind_behind(last)
        elif begin is not None:
            feed.fall_behind_at(begin)
        if last != NOTHING:
            feed.is_behind = is_lossless
        wanted = (engine.input, _replay_slots(engine.input))
        frames = SourceFeed(self._call, self._intakes, self._source, wanted, feed)
        frames.lane = lane
        if records is None:
            return frames
        paired = PairedFeed(frames, records, engine, slots - _MARGIN)
        paired.lane = lane
        return paired

    async def _place(self, at_ms: int) -> Position | None:
        """Where on the source's clock a moment lies; None: behind every record that there is."""
        if not self._has_records:
            return self._call.read(lambda view: self._recorded(view, at_ms))
        log = ResultLog(self._call, self._source, store.RECORDS)
        low, end = log.bounds()
        first = await reading.first_since(self._call.log, log.topic, low, end, at_ms)
        if first == end:
            return None
        (document,) = await log.read(first, 1)
        return Position(document["stream"], document["chunk"]["start_ms"] - 1)

    def _recorded(self, view: ReadCall, at_ms: int) -> Position:
        source: Source = store.named(view.state, "source", self._source)
        for _, raw in view.state.range(("segment", self._source)):
            found: Segment = store.SEGMENTS.decode(raw)
            into_ms = at_ms - found.captured_at_ms
            if into_ms < found.stop_ms - found.start_ms:
                return Position(found.stream, found.start_ms + max(0, into_ms))
        return Position(self._stream, max(0, at_ms - source.epoch_ms))

    def _end(self, name: str) -> None:
        del self._lanes[name]
        self._tasks.pop(name).cancel()

    # -- inputs -----------------------------------------------------------------------------

    def _slots(self, engine: Engine) -> int:
        is_lossless = engine.when_behind == NEVER
        return slots_of(engine.input, self._segment_ms, is_lossless=is_lossless)

    def _wish(self, engine: Engine) -> _Wish:
        return msgspec.structs.replace(engine.input, results=""), self._slots(engine)

    def _align_inputs(self, wanted: set[_Wish]) -> None:
        if self._intake is None:
            return
        for wish in [wish for wish in self._inputs if wish not in wanted]:
            self._intake.send(messages.Detach(id=self._inputs.pop(wish)))
        for wish in sorted(wanted - set(self._inputs), key=repr):
            pieces, slots = wish
            self._attached += 1
            self._inputs[wish] = identity = f"{pieces.kind}-{self._attached}-{self._stream}"
            self._intake.send(
                messages.Attach(
                    id=identity,
                    kind=pieces.kind,
                    rate=pieces.rate,
                    width=pieces.width,
                    gate=pieces.gate,
                    format=pieces.format,
                    slots=slots,
                    pause_ms=pieces.pause_ms,
                    least_ms=pieces.least_ms,
                    most_ms=pieces.most_ms,
                )
            )


def _feed(wanted: EngineInput, recent_max: int) -> Feed:
    """What decides where pieces come from."""
    if wanted.is_cut:
        return CutFeed(recent_max, CUT_MEMORY_MS)
    return Feed(NOTHING, wanted.step_ms, recent_max, is_sound=wanted.kind == "audio")


def _replay_slots(wanted: EngineInput) -> int:
    """Places of a ring that a recording is read into."""
    if wanted.is_cut:
        return _REPLAY_SLOTS_CUT
    return _REPLAY_SLOTS_SOUND if wanted.kind == "audio" else _REPLAY_SLOTS


async def _run(lane: ObjectLane | StreamLane) -> None:
    """A lane and what brings its pieces: both, until they are cancelled."""
    async with asyncio.TaskGroup() as group:
        group.create_task(lane.feed.run())
        group.create_task(lane.run())
