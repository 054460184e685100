"""Results on their way to Kinesis streams and event buses.

A delivery follows one engine's results of one pipeline: it reads them in order from the Log, gives them
to its target through the door, and then notes how far it is. So a target gets every result at least once, in
order, and after a crash again what was not noted yet. A target that refuses is asked again with growing
pauses; nothing behind is given to it meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec

from pileus.kernel.calls import Call, StreamCall
from pileus.kernel.kernel import Kernel
from pileus.ports.log import LogUnavailable, OffsetOutOfRange, Record, TopicNotFound
from pileus.services.media import store
from pileus.services.media.delivery_targets import targets_of
from pileus.services.media.model import Pipeline
from pileus.values.errors import ServiceError, StoreUnavailable

_log = logging.getLogger("pileus.media")
_READ_AT_ONCE = 100
_NOTE_EVERY_MS = 1000
_PAUSE_FIRST_S, _PAUSE_LAST_S = 1.0, 30.0
_Key = tuple[str, str, str]
_Place = tuple[str, str]
"""An engine, and where its results go."""


class Deliveries:
    """Every pipeline's deliveries; the platform has one."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._running: dict[_Key, dict[_Place, _Delivery]] = {}

    def recover(self, call: StreamCall) -> None:
        """Go on with what every pipeline of a space delivers."""
        for pipeline in call.read(lambda view: list(store.every(view.state, "pipeline"))):
            self.align(call, pipeline.name)

    def align(self, call: StreamCall, name: str) -> None:
        """Deliver what the pipeline says now: begin what it lacks, end what it does not want any more."""
        own = self._kernel.stream_call(call.space)
        pipeline = own.read(lambda view: store.find(view.state, "pipeline", name))
        key = store.key_of(call, name)
        running = self._running.setdefault(key, {})
        wanted = _wanted(pipeline) if pipeline is not None else {}
        for place in [each for each in running if running[each].what != wanted.get(each)]:
            running.pop(place).end()
        for place, what in wanted.items():
            if place not in running:
                running[place] = delivery = _Delivery(own, what)
                delivery.task = self._kernel.supervisor.spawn(f"results of {name}", delivery.run())
        if not running:
            del self._running[key]

    def shown(self, call: Call, name: str) -> list[dict[str, Any]]:
        """How a pipeline's deliveries fare, as DescribePipeline tells it."""
        running = self._running.get(store.key_of(call, name), {})
        return [running[place].shown() for place in sorted(running)]


class _What(msgspec.Struct, frozen=True):
    """A delivery as it is configured; equal ones need no change."""

    pipeline: str
    created_ms: int
    source: str
    engine: str
    target: Any

    @property
    def group(self) -> str:
        """Whose place in the Log it is: a pipeline made anew under an old name, and another target, begin
        at the beginning."""
        return f"deliver/{self.pipeline}@{self.created_ms}/{self.target.place}"


def _wanted(pipeline: Pipeline) -> dict[_Place, _What]:
    return {
        (engine, target.place): _What(
            pipeline.name, pipeline.created_ms, pipeline.source, engine, target
        )
        for target in targets_of(pipeline)
        for engine in pipeline.engines
    }


class _Delivery:
    """One engine's results to one target."""

    def __init__(self, call: StreamCall, what: _What) -> None:
        self._call, self.what = call, what
        self._topic = store.topic(call.account, call.region, what.source, what.engine)
        self._offset = 0
        self._noted, self._noted_ms = -1, 0
        self._delivered = self._left_out = self._lost = 0
        self._reason = ""
        self.task: asyncio.Task[None] | None = None

    def end(self) -> None:
        """Deliver no more."""
        if self.task is not None:
            self.task.cancel()

    async def run(self) -> None:
        """Until cancelled, or the source is deleted."""
        pause_s = _PAUSE_FIRST_S
        while True:
            try:
                await self._begin()
                while True:
                    await self._once()
                    pause_s = _PAUSE_FIRST_S
            except TopicNotFound:
                return
            except OffsetOutOfRange:
                continue  # forgotten since it was looked for: what is kept now comes next
            except (LogUnavailable, ServiceError, StoreUnavailable) as problem:
                self._reason = str(problem)
                what = f"results of {self.what.engine} for {self.what.target.place}"
                _log.warning("%s wait: %s", what, problem)
            await self._call.clock.sleep(pause_s)
            pause_s = min(pause_s * 2, _PAUSE_LAST_S)

    async def _begin(self) -> None:
        """Go on behind what was noted, or with the oldest result that is kept."""
        if self._noted >= 0:
            return
        await self._call.log.create_topic(self._topic, 1)
        noted = self._call.log.committed(self.what.group, self._topic, 0)
        low, end = self._call.log.bounds(self._topic, 0)
        self._offset = self._noted = low if noted is None else min(noted, end)

    async def _once(self) -> None:
        """Deliver what there is, or wait for more."""
        log = self._call.log
        low, end = log.bounds(self._topic, 0)
        self._offset = min(self._offset, end)
        if self._offset < low:  # forgotten before it could be delivered
            self._lost += low - self._offset
            self._offset = low
        records = await log.read(self._topic, 0, self._offset, _READ_AT_ONCE)
        for part in self.what.target.parts(records):
            await self._send(part)
            self._offset = part[-1].offset + 1
            if self._call.clock.now_ms() - self._noted_ms >= _NOTE_EVERY_MS:
                await self._note()
        if records:
            return
        await self._note()
        await log.wait(self._topic, 0, self._offset)

    async def _send(self, part: list[Record]) -> None:
        wanted = [each for each in part if self.what.target.takes(each)]
        self._left_out += len(part) - len(wanted)
        if wanted:
            await self.what.target.send(self._call, self.what.source, wanted)
            self._delivered += len(wanted)
        self._reason = ""

    async def _note(self) -> None:
        if self._noted != self._offset:
            await self._call.log.commit(self.what.group, self._topic, 0, self._offset)
            self._noted, self._noted_ms = self._offset, self._call.clock.now_ms()

    def shown(self) -> dict[str, Any]:
        """A ``Delivery``."""
        try:
            behind = self._call.log.bounds(self._topic, 0)[1] - self._offset
        except TopicNotFound:
            behind = 0
        told = {
            "Engine": self.what.engine,
            "Target": self.what.target.place,
            "State": "WAITING" if self._reason else "RUNNING",
            "Delivered": self._delivered,
            "LeftOut": self._left_out,
            "Lost": self._lost,
            "Behind": max(0, behind),
        }
        if self._reason:
            told["StateReason"] = self._reason
        return told
