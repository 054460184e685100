"""One container in an engine, and how it is followed from its start to its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from pileus.adapters.container_engine.client import EngineClient, EngineUnusable
from pileus.adapters.container_engine.output import Output
from pileus.ports.clock import Clock
from pileus.ports.nodes import Exit, ExitReason
from pileus.ports.tasks import ContainerState, ContainerStatus, TaskRefused

CREATED = frozenset({"created", "configured", "initialized"})
"""Words of engines for a container that never ran."""
_NOTE = "state.json"
_READ_BYTES = 1 << 20
_LOG_ENDS_S = 5.0
_AGAIN_S = 1.0
_SIGNAL_BASE = 128
_SIGNALS_MAX = 64


class _EngineState(msgspec.Struct, rename="pascal"):
    """What ``inspect`` tells of a container's state."""

    status: str
    running: bool = False
    exit_code: int = 0
    started_at: str = ""
    finished_at: str = ""
    is_out_of_memory: bool = msgspec.field(default=False, name="OOMKilled")


class EngineContainer:
    """A container that was asked for.

    Args:
        place: its folder.
        full_name: what the engine calls it.
        on_change: called after its state changed or output came.
    """

    def __init__(
        self,
        client: EngineClient,
        clock: Clock,
        place: Path,
        full_name: str,
        on_change: Callable[[], None],
    ) -> None:
        self.full_name = full_name
        self.output = Output(place)
        self.state = ContainerState(ContainerStatus.STARTING)
        self.memory_mb = 0
        self._client = client
        self._clock = clock
        self._place = place
        self._on_change = on_change
        self._is_killed = False
        self._signals = asyncio.Lock()

    # -- making -----------------------------------------------------------------------------

    async def make(self, arguments: list[str], environment: dict[str, str]) -> None:
        """Create and start it; one that an earlier platform made as far as that is taken as it is."""
        self._place.mkdir(exist_ok=True)
        made = await self._client.run(
            "create", "--name", self.full_name, *arguments, environment=environment
        )
        status = "created"
        if made.status:
            found = await self.inspect()
            if found is None:
                self._fail(made.error)
                return
            status = found.status
        if status in CREATED:
            begun = await self._client.run("start", self.full_name)
            if begun.status:
                self._fail(begun.error)
                return
        await self.take()

    async def take(self) -> None:
        """It was started, now or earlier."""
        found = await self.inspect()
        started_ms = milliseconds(found.started_at) if found else 0
        started_ms = started_ms or self._clock.now_ms()
        self.change(ContainerState(ContainerStatus.RUNNING, started_ms))

    def _fail(self, why: str) -> None:
        now_ms = self._clock.now_ms()
        self.change(ContainerState(ContainerStatus.FAILED, 0, now_ms, None, why))

    def change(self, state: ContainerState) -> None:
        """A new state: noted for platforms to come, and told."""
        self.state = state
        fresh = self._place / f"{_NOTE}.new"
        fresh.write_bytes(msgspec.json.encode(state))
        os.replace(fresh, self._place / _NOTE)
        self._on_change()

    # -- following --------------------------------------------------------------------------

    async def follow(self) -> None:
        """From its start to its end, told once all output is there."""
        reading = asyncio.ensure_future(self._read_log("--follow"))
        try:
            found = await self._until_ended()
            if found is not None:
                # It ends by itself; where it does not, or stops early, what is missing is read again.
                await asyncio.wait({reading}, timeout=_LOG_ENDS_S)
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError, EngineUnusable):
                await reading
        if found is not None:
            await self._read_log()
        self.output.finish(self._clock.now_ms())
        self.change(self._end(found))

    async def collect(self, state: ContainerState) -> None:
        """It had ended, as ``state`` says: have what it wrote."""
        await self._read_log()
        self.output.finish(self._clock.now_ms())
        self.change(state)

    async def _read_log(self, *options: str) -> None:
        """The engine's log from where it was read to, in the order that the engine tells it."""
        known = self.output.read_to
        async with self._client.reading("logs", *options, self.full_name) as log:
            while data := await log.read(_READ_BYTES):
                skipped = min(known, len(data))
                known -= skipped
                if self.output.take(self._clock.now_ms(), data[skipped:]):
                    self._on_change()
                await self.output.room()

    async def _until_ended(self) -> _EngineState | None:
        """How it is once it does not run; None when the engine does not have it any more."""
        often = ("--interval", "100ms") if self._client.is_podman else ()
        while True:
            waited = await self._client.run("wait", *often, self.full_name, within_s=None)
            found = await self.inspect()
            if found is None or (not waited.status and not found.running):
                return found
            await self._clock.sleep(_AGAIN_S)

    async def inspect(self) -> _EngineState | None:
        """What the engine tells of it; None when it has none of the name. Raises TaskRefused when the
        engine does not answer."""
        told = await self._client.run(
            "inspect", "--type", "container", "--format", "{{json .State}}", self.full_name
        )
        if not told.status:
            return msgspec.json.decode(told.output, type=_EngineState)
        if "no such" in told.error.lower():
            return None
        raise TaskRefused(f"{self._client.engine} does not answer: {told.error}")

    def _end(self, found: _EngineState | None) -> ContainerState:
        started_ms = self.state.started_ms
        if found is None:
            gone = f"{self._client.engine} does not have its container any more"
            now_ms, lost = self._clock.now_ms(), Exit(ExitReason.LOST)
            return ContainerState(ContainerStatus.ENDED, started_ms, now_ms, lost, gone)
        number = found.exit_code - _SIGNAL_BASE
        is_killed = 0 < number <= _SIGNALS_MAX
        code = 0 if is_killed else found.exit_code
        end = Exit(ExitReason.EXITED, code=found.exit_code)
        if self._is_out_of_memory(found):
            end = Exit(ExitReason.OUT_OF_MEMORY, code=code, signal=number if is_killed else 0)
        elif is_killed:
            end = Exit(ExitReason.KILLED, signal=number)
        ended_ms = max(milliseconds(found.finished_at) or self._clock.now_ms(), started_ms)
        return ContainerState(ContainerStatus.ENDED, started_ms, ended_ms, end)

    def _is_out_of_memory(self, found: _EngineState) -> bool:
        """Under control groups of version 1 podman mostly misses it: there a kill that nobody here asked
        for, of what had a bound, is taken for one. (Nobody inside can kill process 1.)"""
        if found.is_out_of_memory and found.exit_code:
            return True
        is_shot = found.exit_code == _SIGNAL_BASE + signal.SIGKILL and not self._is_killed
        return self._client.is_old_groups and is_shot and self.memory_mb > 0

    # -- acting -----------------------------------------------------------------------------

    async def signal(self, number: int) -> None:
        """Send a signal, after those that were sent before."""
        self._is_killed |= number == signal.SIGKILL
        async with self._signals:
            if self.state.status is ContainerStatus.RUNNING:
                await self._client.run("kill", "--signal", str(number), self.full_name)

    async def execute(self, command: list[str], timeout_s: float) -> int:
        """Run a command inside; -9 where it takes too long."""
        if self.state.status is not ContainerStatus.RUNNING:
            return -1
        done = await self._client.run("exec", self.full_name, *command, within_s=timeout_s)
        return done.status


def noted(place: Path) -> ContainerState | None:
    """The last state that was noted of a container; None where it was never started."""
    try:
        return msgspec.json.decode((place / _NOTE).read_bytes(), type=ContainerState)
    except FileNotFoundError:
        return None


def milliseconds(text: str) -> int:
    """Of a moment in the form of RFC 3339, since the epoch; 0 for one that has not been."""
    if not text or text.startswith("0001-"):
        return 0
    at = max(text.rfind("+"), text.rfind("-"), text.rfind("Z"))
    # Engines tell nanoseconds, and leave zeros out.
    head, _, fraction = text[:at].partition(".")
    zone = "+00:00" if text[at] == "Z" else text[at:]
    moment = datetime.fromisoformat(head + zone).timestamp()
    return round(moment) * 1000 + int(f"{fraction:0<3}"[:3])
