"""Sources being read: a process each, its segments kept, its pieces handed to lanes."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from pileus.kernel.calls import Call, StreamCall, WriteCall
from pileus.kernel.kernel import Kernel
from pileus.ports import intakes as messages
from pileus.ports.intakes import PUSHED, Intake, Intakes
from pileus.services.media import errors, recording, store, telling
from pileus.services.media.engines import Engines
from pileus.services.media.figures import Figures
from pileus.services.media.lane_set import LaneSet
from pileus.services.media.model import ENDED, FAILED, STOPPED, Source
from pileus.services.media.previews import Previews
from pileus.services.media.publishing import Publishing
from pileus.services.media.spools import Spools, spool_of

_RESTART_FIRST_S, _RESTART_LAST_S = 1.0, 30.0
_Key = tuple[str, str, str]


class Known(msgspec.Struct):
    """What a source turned out to hold, and what was wrong with it."""

    format: messages.Format | None = None
    counts: messages.Counts | None = None


class Streams:
    """Every source being read; the platform has one."""

    def __init__(self, kernel: Kernel, intakes: Intakes) -> None:
        self._kernel, self._intakes = kernel, intakes
        self._spools = Spools(intakes)
        self._running: dict[_Key, _Following] = {}
        self.previews = Previews()
        self._known: dict[_Key, Known] = {}

    async def recover(self, call: StreamCall) -> None:
        """Store what a killed platform had not, then read every source of a space that is enabled; no file
        that was read to its end."""
        await self._spools.recover(call)
        for source in call.read(lambda view: list(store.every(view.state, "source"))):
            if source.url == PUSHED and source.state in _CUT_SHORT:
                reason = "The platform was started anew; nobody pushes now."
                await _note_state(call, source.name, ENDED, reason)
            if not source.is_done:
                self.follow(call, source.name)

    async def prepare(self, call: StreamCall, name: str) -> None:
        """Make sure that a new source finds nothing of an older one of its name."""
        await self._spools.forget(call, name)

    def follow(self, call: StreamCall, name: str) -> None:
        """Read a source from now on, if it is enabled."""
        key = store.key_of(call, name)
        own = self._kernel.stream_call(call.space)
        source = own.read(lambda view: store.find(view.state, "source", name))
        if source is None or not source.is_enabled or key in self._running:
            return
        if source.url != PUSHED:
            self._begin(key, own)

    def _begin(self, key: _Key, own: StreamCall) -> _Following:
        """Start reading a source."""
        name = key[2]
        following = self._running[key] = _Following(
            own, name, self._intakes, self._spools, self.previews
        )
        self._known[key] = following.known
        following.task = self._kernel.supervisor.spawn(f"source {name}", following.run())
        following.task.add_done_callback(lambda _: self._ended(key, following))
        return following

    async def publish(self, call: StreamCall, name: str) -> Publishing:
        """Let somebody push to a source that may be pushed to; a process begins where none waits.

        Raises ResourceInUseException: somebody does already.
        """
        key = store.key_of(call, name)
        while (following := self._running.get(key)) is not None and following.is_over:
            assert following.task is not None
            await asyncio.wait({following.task})  # engines are at the last pieces of the one before
            self._ended(key, following)
        if following is None:
            following = self._begin(key, self._kernel.stream_call(call.space))
        return following.publish()

    def _ended(self, key: _Key, following: _Following) -> None:
        if self._running.get(key) is following:
            del self._running[key]

    async def stop(self, call: StreamCall, name: str) -> None:
        """Read a source no more; returns when its process is gone."""
        following = self._running.pop(store.key_of(call, name), None)
        if following is not None and following.task is not None:
            following.task.cancel()
            await asyncio.gather(following.task, return_exceptions=True)

    async def restart(self, call: StreamCall, name: str) -> None:
        """Read a source as it is configured now."""
        await self.stop(call, name)
        await self._spools.store(self._kernel.stream_call(call.space), name)
        await _note_state(self._kernel.stream_call(call.space), name, STOPPED, "")
        self.follow(call, name)

    async def forget(self, call: StreamCall, name: str) -> None:
        """Delete what is left of a source."""
        await self.stop(call, name)
        key = store.key_of(call, name)
        self.previews.forget(key)
        self._known.pop(key, None)
        call.part(Figures).forget(key)
        own = self._kernel.stream_call(call.space)
        await self._spools.forget(own, name)
        await recording.forget(own, name)
        prefix = store.topic(call.account, call.region, name, "")
        for topic in [each for each in call.log.topics() if each.startswith(prefix)]:
            await call.log.delete_topic(topic)

    async def lanes_changed(self, call: StreamCall, source: str) -> None:
        """A pipeline of the source was made, changed or deleted."""
        following = self._running.get(store.key_of(call, source))
        if following is not None:
            await following.lanes.align(is_joining=True)

    async def engine_changed(self, call: StreamCall, engine: str) -> None:
        """An engine is configured anew: instances and lanes of the old one go."""
        await call.part(Engines).retire(call, engine)
        for key, following in list(self._running.items()):
            if key[:2] == (call.account, call.region):
                await following.lanes.align()

    def reading(self, call: Call, source: str) -> asyncio.Task[None] | None:
        """The work of reading a source, to wait for its end; None where it is not read."""
        following = self._running.get(store.key_of(call, source))
        return following.task if following is not None else None

    def known(self, call: Call, source: str) -> Known:
        """What the source's last life turned out to hold; nothing since the platform started: nothing."""
        return self._known.get(store.key_of(call, source), Known())

    def lane(self, call: StreamCall, source: str, engine: str) -> dict[str, Any] | None:
        """What DescribeLane tells; None where the engine was not on the source since the platform started."""
        key = store.key_of(call, source)
        following = self._running.get(key)
        lane = following.lanes.get(engine) if following else None
        if lane is not None:
            return lane.shown()
        before = call.part(Figures).lane_before(key, engine)
        return before.shown(self._kernel.clock.now_ms()) if before is not None else None


class _Following:
    """One source: its process is started again until it says that the source has ended."""

    def __init__(
        self, call: StreamCall, name: str, intakes: Intakes, spools: Spools, previews: Previews
    ) -> None:
        self._call, self._name, self._intakes, self._spools = call, name, intakes, spools
        self._previews, self._key = previews, store.key_of(call, name)
        self._figures = call.part(Figures).source(self._key)
        self._intake: Intake | None = None
        self._failure = ""
        self._publishing: Publishing | None = None
        self.known = Known()
        self.is_over = False
        self.lanes = LaneSet(call, name, intakes)
        self.task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until the source has ended, is switched off, or the platform ends."""
        pause_s = _RESTART_FIRST_S
        try:
            while True:
                source = await self._begin()
                if source is None:
                    return
                if await self._read_once(source):
                    return
                reason = "The process that reads it ended; it is started again."
                await _note_state(self._call, self._name, FAILED, reason)
                await self._call.clock.sleep(pause_s)
                pause_s = min(pause_s * 2, _RESTART_LAST_S)
        finally:
            self._publishing_over("The source is read no more.")
            self._figures.ended()
            self.lanes.close()
            if self._intake is not None:
                await self._intake.close()

    async def _begin(self) -> Source | None:
        """Name this life of the source; a file goes on with the one that a crash cut short."""

        def step(write: WriteCall) -> Source | None:
            source: Source | None = store.find(write.state, "source", self._name)
            if source is None or not source.is_enabled:
                return None
            # Its end was read, but not everything looked at.
            is_half_done = source.state == ENDED and source.finished != source.stream
            is_cut_short = source.state in _CUT_SHORT or is_half_done
            if source.is_live or not source.stream or not is_cut_short:
                source.stream = f"{write.now_ms:015d}"
            if not source.epoch_ms or not source.is_live:
                source.epoch_ms = write.now_ms
            before, source.state, source.reason = source.state, "CONNECTING", ""
            store.put(write.state, "source", source)
            telling.source_changed(write, source, before)
            return source

        return await self._call.write_at_last(step, f"source {self._name}")

    async def _read_once(self, source: Source) -> bool:
        """One process, from its start to its end; True when the source has ended."""
        await self._spools.store(self._call, self._name)
        passed_ms = self._call.clock.now_ms() - source.epoch_ms
        opened = messages.Open(
            url=source.url,
            options=source.options,
            is_listening=source.is_listening,
            spool=spool_of(self._call, source.name),
            rings="",
            stream=source.stream,
            is_paced=source.is_paced,
            segment_ms=source.segment_ms,
            origin_ms=passed_ms if source.is_live else 0,
        )
        intake = await self._intakes.start(f"source {source.name}", opened)
        self._intake = intake
        if self._publishing is not None:
            self._publishing.opened(intake.inlet)
        self._figures.begun()
        try:
            await self.lanes.begin(source, intake)
            self._previews.begin(self._key, intake)
            async for told in intake.told():
                await self._take(told)
                if isinstance(told, messages.End):
                    self.is_over = True
                    self._publishing_over(self._failure)
                    await self.lanes.drain(is_forced=told.is_forced)
                    await self._finish(source.stream)
                    return True
            return False
        finally:
            self._publishing_over("The process that reads it ended.")
            self._intake = None
            self.lanes.gone()
            self._previews.end(self._key)
            await intake.close()

    async def _finish(self, stream: str) -> None:
        """Every engine has looked at all of this life of the source."""

        def step(write: WriteCall) -> None:
            source: Source | None = store.find(write.state, "source", self._name)
            if source is not None and source.stream == stream:
                source.finished = stream
                store.put(write.state, "source", source)

        await self._call.write_at_last(step, f"source {self._name}")

    async def _take(self, told: messages.Told) -> None:
        """Act on what the process says."""
        self._figures.told(told)
        if isinstance(told, messages.Chunk):
            self.lanes.take(told)
        elif isinstance(told, messages.Preview):
            self._previews.take(self._key, told)
        elif isinstance(told, messages.Segment):
            await self._spools.store(self._call, self._name)
            self.lanes.finished(told)
        elif isinstance(told, messages.Recording):
            self.lanes.recording(told.start_ms)
        elif isinstance(told, messages.State):
            self._failure = told.reason if told.state == "failed" else ""
            await _note_state(self._call, self._name, told.state.upper(), told.reason)
        elif isinstance(told, messages.Answer | messages.Left):
            self._heard(told)
        elif isinstance(told, messages.Format):
            self.known.format = told
        elif isinstance(told, messages.Counts):
            self.known.counts = told
            self.lanes.gated(told.gated)

    # -- publishers -------------------------------------------------------------------------

    def publish(self) -> Publishing:
        """One at a time. Raises ResourceInUseException."""
        if self._publishing is not None and not self._publishing.is_ended:
            raise errors.published_already(self._name)
        self._publishing = Publishing(self._name)
        if self._intake is not None:
            self._publishing.opened(self._intake.inlet)
        return self._publishing

    def _heard(self, told: messages.Answer | messages.Left) -> None:
        """Of a publisher that came with an offer."""
        if self._publishing is None:
            return
        if isinstance(told, messages.Answer):
            self._publishing.answered(told.sdp)
        else:
            self._publishing.is_ended = True

    def _publishing_over(self, reason: str) -> None:
        if self._publishing is not None:
            self._publishing.over(reason)
            self._publishing = None


_CUT_SHORT = frozenset({"CONNECTING", "LIVE", "STALLED", "FAILED"})


async def _note_state(call: StreamCall, name: str, state: str, reason: str) -> None:
    def step(write: WriteCall) -> None:
        source = store.find(write.state, "source", name)
        if source is not None and (source.state, source.reason) != (state, reason):
            before, source.state, source.reason = source.state, state, reason
            store.put(write.state, "source", source)
            telling.source_changed(write, source, before)

    await call.write_at_last(step, f"source {name}")
