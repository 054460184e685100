"""``Nodes`` without processes: programs are scripted, time is the clock's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from pileus.ports.clock import Clock
from pileus.ports.nodes import (
    ChangeKind,
    Exit,
    ExitReason,
    InitFailed,
    InstanceSpec,
    Invocation,
    Lease,
    LeaseLost,
    LogLine,
    LogSink,
    Member,
    MemberChange,
    NoCapacity,
    Outcome,
    Restore,
    RestoreFailed,
    RuntimeUnavailable,
    SnapshotTaken,
)

_BASE_MEMORY_MB = 30
_SNAPSHOT_INIT_S_MIN = 130.0
InstanceSnapshot = tuple[str, str]
"""A spec's name and snapshot."""
_UNBOUNDED_MB = 1 << 20
_RUNTIMES = ("python3.11", "python3.12", "nodejs22.x", "provided")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a scripted handler does with one event.

    Attributes:
        duration_s: how long it takes; past the timeout the instance is ended.
        exit: the instance ends so instead of answering.
        memory_mb: what it uses; past the instance's memory it is ended.
        parts: pieces streamed before ``payload``, as ``content_type``.
    """

    payload: bytes = b"null"
    is_error: bool = False
    duration_s: float = 0.0
    output: Sequence[str] = ()
    exit: Exit | None = None
    memory_mb: int = _BASE_MEMORY_MB
    parts: Sequence[bytes] = ()
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """A scripted function.

    Attributes:
        handle: the answer to an invocation; the number counts from 1 within an instance.
        init_s: duration of the init phase.
        init_error: the error document its init phase reports, or empty.
        init_exit: how its init phase ends the instance, or None.
        restore_s: duration of a restore from a snapshot.
        restore_error: the error document that hooks after a restore report, or empty.
        obstacle: what stands against a snapshot, or empty.
        work: instead of ``handle`` for a handler that waits for something, such as the platform.
    """

    handle: Callable[[Invocation, int], Answer]
    init_s: float = 0.05
    init_output: Sequence[str] = ()
    init_error: bytes = b""
    init_exit: Exit | None = None
    restore_s: float = 0.01
    restore_error: bytes = b""
    obstacle: str = ""
    work: Callable[[Invocation, int], Awaitable[Answer]] | None = None


@dataclass(slots=True)
class FakeLink:
    """See ``ports.nodes.Link``."""

    clock: Clock
    spec: InstanceSpec
    program: Program
    log: LogSink
    exited: asyncio.Future[Exit]
    init_ns: int = 0
    restore: Restore | None = None
    calls: int = 0
    is_busy: bool = False

    async def invoke(self, invocation: Invocation) -> Outcome:
        """See the port."""
        if self.is_busy:
            raise ValueError("the instance is busy")
        if self.exited.done():
            raise LeaseLost("the instance has ended")
        self.is_busy = True
        self.calls += 1
        began_ns = self.clock.mono_ns()
        answer = await self._answer(invocation)
        self._say(answer.output)
        payload = answer.payload
        if invocation.take_part is not None:
            for part in answer.parts:
                invocation.take_part(answer.content_type, part, lambda _: None)
        elif not answer.is_error:
            payload = b"".join([*answer.parts, payload])
        exit = answer.exit
        wait_s = answer.duration_s
        if wait_s > invocation.timeout_s:
            wait_s, exit = invocation.timeout_s, Exit(ExitReason.TIMED_OUT)
        try:
            if wait_s:
                ended = await self.clock.wait(
                    self.exited, self.clock.now_ms() + round(wait_s * 1000)
                )
                exit = self.exited.result() if ended else exit
        except asyncio.CancelledError:
            self.end(Exit(ExitReason.STOPPED))
            raise
        self.is_busy = False
        peak_mb = answer.memory_mb
        if exit is None and peak_mb > self.spec.memory_mb:
            peak_mb, exit = self.spec.memory_mb, Exit(ExitReason.OUT_OF_MEMORY, signal=9)
        duration_ns = self.clock.mono_ns() - began_ns
        if exit is not None:
            self.end(exit)
            return Outcome(b"", True, duration_ns, peak_mb, exit)
        return Outcome(payload, answer.is_error, duration_ns, peak_mb)

    async def _answer(self, invocation: Invocation) -> Answer:
        if self.program.work is None:
            return self.program.handle(invocation, self.calls)
        try:
            return await self.program.work(invocation, self.calls)
        except asyncio.CancelledError:
            self.end(Exit(ExitReason.STOPPED))
            raise

    async def stop(self) -> None:
        """See the port."""
        self.end(Exit(ExitReason.STOPPED))

    def end(self, exit: Exit) -> None:
        """Let the instance end, as a crash between two calls would."""
        if not self.exited.done():
            self.exited.set_result(exit)

    async def initialise(self) -> None:
        """Run the scripted init phase."""
        began_ns = self.clock.mono_ns()
        self._say(self.program.init_output)
        timed_out = self.program.init_s > self.spec.init_timeout_s
        await self.clock.sleep(min(self.program.init_s, self.spec.init_timeout_s))
        self.init_ns = self.clock.mono_ns() - began_ns
        exit = Exit(ExitReason.TIMED_OUT) if timed_out else self.program.init_exit
        document = b"" if timed_out else self.program.init_error
        if document:
            exit = Exit(ExitReason.EXITED, code=1)
        if exit is not None:
            self.end(exit)
            raise InitFailed(document, exit, self.init_ns, _BASE_MEMORY_MB)

    async def copy(self, init_ns: int) -> None:
        """Be a copy of a snapshot instead."""
        began_ns = self.clock.mono_ns()
        timed_out = self.program.restore_s > self.spec.init_timeout_s
        await self.clock.sleep(min(self.program.restore_s, self.spec.init_timeout_s))
        self.init_ns = init_ns
        duration_ns = self.clock.mono_ns() - began_ns
        self.restore = Restore(duration_ns, duration_ns)
        if timed_out or self.program.restore_error:
            exit = Exit(ExitReason.TIMED_OUT) if timed_out else Exit(ExitReason.EXITED, code=1)
            document = b"" if timed_out else self.program.restore_error
            self.end(exit)
            raise RestoreFailed(document, exit, duration_ns, _BASE_MEMORY_MB)

    def _say(self, texts: Sequence[str]) -> None:
        if texts:
            self.log([LogLine(self.clock.now_ms(), text) for text in texts])


@dataclass(slots=True)
class FakeNodes:
    """See ``ports.nodes.Nodes``; one member.

    Attributes:
        programs: by handler name.
        memory_mb: sum of all leases; 0 for no bound.
        links: every instance ever started, in order.
        prepared: every hint of an instance to come, in order.
        snapshots: those kept, with the durations of their init phases.
    """

    clock: Clock
    programs: Mapping[str, Program]
    memory_mb: int = 0
    links: list[FakeLink] = field(default_factory=list)
    prepared: list[InstanceSpec] = field(default_factory=list)
    snapshots: dict[InstanceSnapshot, int] = field(default_factory=dict)
    _leases: dict[int, Lease] = field(default_factory=dict)
    _running: dict[int, FakeLink] = field(default_factory=dict)
    _epoch: int = 0

    def members(self) -> tuple[Member, ...]:
        """See the port."""
        total = self.memory_mb or _UNBOUNDED_MB
        taken = sum(lease.memory_mb for lease in self._leases.values())
        return (Member("fake", "memory", total, total - taken, _RUNTIMES),)

    async def watch(self) -> AsyncIterator[MemberChange]:
        """See the port; the member never leaves."""
        yield MemberChange(ChangeKind.JOINED, self.members()[0])
        await asyncio.get_running_loop().create_future()

    async def prepare(self, spec: InstanceSpec) -> None:
        """See the port; noted in ``prepared``."""
        _check_runtime(spec)
        self.prepared.append(spec)

    async def place(self, spec: InstanceSpec) -> Lease:
        """See the port."""
        _check_runtime(spec)
        if self.memory_mb and spec.memory_mb > self.members()[0].memory_free_mb:
            raise NoCapacity("the fake node is full")
        self._epoch += 1
        lease = Lease("fake", "memory", self._epoch, spec.memory_mb)
        self._leases[lease.epoch] = lease
        return lease

    async def start(self, lease: Lease, spec: InstanceSpec, log: LogSink) -> FakeLink:
        """See the port."""
        if lease.epoch not in self._leases or lease.epoch in self._running:
            raise LeaseLost(f"lease {lease.epoch} is not free to start on")
        loop = asyncio.get_running_loop()
        program = self.programs[spec.handler]
        link = FakeLink(self.clock, spec, program, log, loop.create_future())
        self.links.append(link)
        self._running[lease.epoch] = link
        link.exited.add_done_callback(lambda _: self._running.pop(lease.epoch, None))
        if spec.snapshot and not program.obstacle:
            await self.take_snapshot(spec, log)
            await link.copy(self.snapshots[_snapshot_of(spec)])
        else:
            await link.initialise()
        return link

    async def take_snapshot(self, spec: InstanceSpec, log: LogSink) -> SnapshotTaken:
        """See the port; what is kept are figures."""
        _check_runtime(spec)
        program = self.programs[spec.handler]
        if program.obstacle:
            return SnapshotTaken(0, program.obstacle)
        if _snapshot_of(spec) in self.snapshots:
            return SnapshotTaken(0)
        exited = asyncio.get_running_loop().create_future()
        limit_s = max(_SNAPSHOT_INIT_S_MIN, spec.timeout_s)
        source = FakeLink(self.clock, replace(spec, init_timeout_s=limit_s), program, log, exited)
        await source.initialise()
        self.snapshots[_snapshot_of(spec)] = source.init_ns
        return SnapshotTaken(source.init_ns)

    async def drop_snapshots(self, name: str) -> None:
        """See the port."""
        for key in list(self.snapshots):
            if key[0] == name or (name.endswith(":") and key[0].startswith(name)):
                del self.snapshots[key]

    async def release(self, lease: Lease) -> None:
        """See the port."""
        self._leases.pop(lease.epoch, None)
        link = self._running.get(lease.epoch)
        if link is not None:
            await link.stop()

    async def close(self) -> None:
        """See the port."""
        self._leases.clear()
        for link in list(self._running.values()):
            await link.stop()

    @property
    def running_count(self) -> int:
        """Instances alive now."""
        return sum(not link.exited.done() for link in self.links)


def _snapshot_of(spec: InstanceSpec) -> InstanceSnapshot:
    return spec.name, spec.snapshot


def _check_runtime(spec: InstanceSpec) -> None:
    if not spec.runtime.startswith(("python3.", "nodejs", "provided")):
        raise RuntimeUnavailable(f"no interpreter for the runtime {spec.runtime!r}")
