"""One source being read: its process, begun again until the source has ended."""

from __future__ import annotations

import asyncio

import msgspec

from pileus.kernel.calls import StreamCall, WriteCall
from pileus.ports import intakes as messages
from pileus.ports.intakes import Intake, Intakes
from pileus.services.media import errors, push_keys, store, telling
from pileus.services.media.figures import Figures
from pileus.services.media.lane_set import LaneSet
from pileus.services.media.model import ENDED, FAILED, Source
from pileus.services.media.previews import Previews
from pileus.services.media.publishing import Publishing
from pileus.services.media.spools import Spools, spool_of

_RESTART_FIRST_S, _RESTART_LAST_S = 1.0, 30.0
_HEALTHY_S = 60.0
"""A process that lived so long was well: the next one does not pay for those before it."""
CUT_SHORT = frozenset({"CONNECTING", "LIVE", "STALLED", "FAILED"})
"""States of a life that has not come to its end."""


class Known(msgspec.Struct):
    """What a source turned out to hold, and what was wrong with it."""

    format: messages.Format | None = None
    counts: messages.Counts | None = None


class Following:
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
                began_ns = self._call.clock.mono_ns()
                if await self._read_once(source):
                    return
                if self._call.clock.mono_ns() - began_ns >= _HEALTHY_S * 1_000_000_000:
                    pause_s = _RESTART_FIRST_S
                reason = "The process that reads it ended; it is started again."
                await note_state(self._call, self._name, FAILED, reason)
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
            is_cut_short = source.state in CUT_SHORT or is_half_done
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
            intake.send(messages.Begin())
            async for told in intake.told():
                await self._take(told)
                if isinstance(told, messages.End):
                    self.is_over = True
                    self._publishing_over(self._failure)
                    await self.lanes.drain(is_forced=told.is_forced)
                    await note_finished(self._call, self._name, source.stream)
                    return True
            return False
        finally:
            self._publishing_over("The process that reads it ended.")
            self._intake = None
            self.lanes.gone()
            self._previews.end(self._key)
            await intake.close()

    async def _take(self, told: messages.Told) -> None:
        """Act on what the process says."""
        self._figures.told(told)
        if isinstance(told, messages.Chunk):
            self.lanes.take(told)
        elif isinstance(told, messages.Lull):
            self.lanes.lull(told)
        elif isinstance(told, messages.Preview):
            self._previews.take(self._key, told)
        elif isinstance(told, messages.Segment):
            await self._spools.store(self._call, self._name)
            self.lanes.finished(told)
        elif isinstance(told, messages.Recording):
            self.lanes.recording(told.start_ms)
        elif isinstance(told, messages.State):
            self._failure = told.reason if told.state == "failed" else ""
            await note_state(self._call, self._name, told.state.upper(), told.reason)
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

    async def check_key(self) -> None:
        """Cut the publisher off whose key is good no more."""
        publishing = self._publishing
        if publishing is None or publishing.is_ended or not publishing.key:
            return
        source = self._call.read(lambda view: store.find(view.state, "source", self._name))
        if not push_keys.is_good(source, publishing.key, self._call.clock.now_ms()):
            await publishing.revoke()

    async def check_key_after(self, grace_s: int) -> None:
        """The same once a key has ended."""
        await self._call.clock.sleep(grace_s)
        await self.check_key()

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


async def note_state(call: StreamCall, name: str, state: str, reason: str) -> None:
    """Write down a state of a source and tell of it, unless it is in it already."""

    def step(write: WriteCall) -> None:
        source = store.find(write.state, "source", name)
        if source is not None and (source.state, source.reason) != (state, reason):
            before, source.state, source.reason = source.state, state, reason
            store.put(write.state, "source", source)
            telling.source_changed(write, source, before)

    await call.write_at_last(step, f"source {name}")


async def note_finished(call: StreamCall, name: str, stream: str) -> None:
    """Every engine has looked at all of this life of the source."""

    def step(write: WriteCall) -> None:
        source: Source | None = store.find(write.state, "source", name)
        if source is not None and source.stream == stream:
            source.finished = stream
            store.put(write.state, "source", source)

    await call.write_at_last(step, f"source {name}")
