"""Instance pools: which invocation runs where, when instances start, and when they go.

Decisions are in ``scaling`` and below without effects; this file carries them out. A synchronous
call never queues: it gets an instance or a reason.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NoReturn

import msgspec
from msgspec.structs import replace

from pileus.compute import errors, reports, scaling
from pileus.compute.calls import (
    Call,
    Credentials,
    ImageLayers,
    LogWriter,
    Meter,
    Result,
    Target,
    Usage,
)
from pileus.compute.scaling import ConcurrencyGate, Load, ScalingLimits
from pileus.compute.session import Session
from pileus.ports.chance import Chance
from pileus.ports.clock import Clock
from pileus.ports.nodes import (
    Exit,
    InitFailed,
    InstanceSpec,
    LogLine,
    NoCapacity,
    Nodes,
    RuntimeUnavailable,
    SnapshotTaken,
)
from pileus.values.times import utc

_log = logging.getLogger("pileus.compute")
_NS_PER_S = 1_000_000_000
_STREAM_ID_BYTES = 16
_METER_S = 0.1
"""How long an invocation waits to be counted, so that some are counted together."""
_Ran = tuple[Target, str, tuple[int, int]]
"""What ran, by which ARN, and how many instances of it were busy and are provisioned."""


class PoolSettings(msgspec.Struct, frozen=True):
    """How long instances are kept.

    Attributes:
        idle_s: an instance unused for so long is ended; AWS keeps them for 5 to 7 minutes.
        age_s: an instance older than this takes no further call, so that the role's keys in
            its environment stay valid.
        limits: concurrency quotas of every account and region.
    """

    idle_s: float = 360.0
    age_s: float = 7200.0
    limits: ScalingLimits = msgspec.field(default_factory=ScalingLimits)


class FunctionFigures(msgspec.Struct):
    """Counters of one function since the platform started."""

    invocations: int = 0
    cold: int = 0
    errors: int = 0
    throttles: int = 0
    duration_ns_sum: int = 0
    duration_ns_max: int = 0
    init_ns_sum: int = 0
    gigabyte_seconds: float = 0.0
    concurrency_max: int = 0

    @property
    def warm(self) -> int:
        """Invocations that found an instance ready."""
        return self.invocations - self.cold


class _Pool(msgspec.Struct):
    """Instances of one version: the idle ones, most recently used last, and the busy ones.

    ``provisioned`` instances made from ``provisioned_target`` are kept however idle; ``opening`` of them
    are on their way.
    """

    revision: str
    is_current: bool = True
    provisioned: int = 0
    provisioned_target: Target | None = None
    opening: int = 0
    idle: list[Session] = msgspec.field(default_factory=list)
    busy: set[Session] = msgspec.field(default_factory=set)

    @property
    def size(self) -> int:
        """Instances there or on their way."""
        return len(self.idle) + len(self.busy) + self.opening

    @property
    def spare(self) -> int:
        """Idle instances beyond the provisioned ones."""
        return max(0, min(len(self.idle), len(self.idle) + len(self.busy) - self.provisioned))


class PoolServices(msgspec.Struct, frozen=True):
    """What pools need from outside."""

    nodes: Nodes
    clock: Clock
    chance: Chance
    credentials: Credentials
    write_log: LogWriter
    meter: Meter
    layers: ImageLayers | None = None


class Pools:
    """Every pool of the platform. Called from the event loop only."""

    def __init__(self, services: PoolServices, settings: PoolSettings | None = None) -> None:
        self._services = services
        self._clock = services.clock
        self._settings = settings or PoolSettings()
        self._pools: dict[tuple[str, str, str], _Pool] = {}
        self._gates: dict[str, ConcurrencyGate] = {}
        self._figures: defaultdict[tuple[str, str], FunctionFigures] = defaultdict(FunctionFigures)
        self._ended: list[tuple[_Ran, Result, Load]] = []
        self._unmetered: list[Usage] = []
        self._metering: asyncio.Task[None] | None = None
        self._reaper: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def invoke(self, target: Target, call: Call) -> Result:
        """Run one invocation now.

        Raises:
            ServiceError: ``TooManyRequestsException`` with its reason.
            RuntimeUnavailable: no interpreter or bootstrap for the runtime.
        """
        gate = self._gate(target)
        now_ns = None if call.is_queued else self._clock.mono_ns()
        reason = gate.enter(target.function, now_ns, target.version)
        if reason:
            self._throttled(target, call, reason)
        try:
            pool = self._pool(target)
            session = self._take_idle(pool)
            if session is None:
                return await self._invoke_cold(pool, target, call, gate)
            pool.busy.add(session)
            place = (len(pool.busy), pool.provisioned)
            try:
                result = await session.invoke(call)
            finally:
                self._give_back(pool, session)
            self._note((target, call.invoked_arn, place), result, gate)
            return result
        finally:
            gate.leave(target.function)

    @property
    def limits(self) -> ScalingLimits:
        """Concurrency quotas of every account and region."""
        return self._settings.limits

    async def prepare(self, spec: InstanceSpec) -> None:
        """Tell the nodes that such an instance may soon be started (its function was made or changed).

        Raises NoCapacity, RuntimeUnavailable.
        """
        await self._services.nodes.prepare(spec)

    async def take_snapshot(self, target: Target) -> SnapshotTaken:
        """Initialise a version once, for its instances to be copies of; its log tells how.

        Raises NoCapacity, RuntimeUnavailable, InitFailed.
        """
        stream = self._stream_name(target.version)
        write = partial(self._services.write_log, target, stream)
        credentials = await self._services.credentials(target)
        spec = replace(target.spec, environment={**target.spec.environment, **credentials})
        region = target.scope.partition("/")[2]
        self._say(write, reports.init_start_line(spec.runtime, region))
        try:
            taken = await self._services.nodes.take_snapshot(spec, write)
        except InitFailed as failed:
            status = reports.status_of(failed.exit, reports.error_type(failed.document))
            self._say(write, reports.init_report_line(failed.duration_ns, "init", status))
            raise
        self._say(write, reports.snapshot_line(taken.init_ns))
        if taken.obstacle:
            self._say(write, f"SNAPSTART\tState: Off\tReason: {taken.obstacle}")
        return taken

    async def drop_snapshots(self, name: str) -> None:
        """End the snapshots of specs of a name; with a colon at its end, of all that begin so."""
        await self._services.nodes.drop_snapshots(name)

    def _say(self, write: Callable[[list[LogLine]], None], text: str) -> None:
        write([LogLine(self._clock.now_ms(), text)])

    async def warm_up(self, target: Target, count: int) -> None:
        """Start instances until ``count`` are idle (provisioned capacity, models).

        Raises NoCapacity, RuntimeUnavailable, InitFailed.
        """
        pool = self._pool(target)
        for _ in range(count - len(pool.idle)):
            session = await self.new_session(target)
            await session.open()
            self._give_back(pool, session)

    async def provision(self, target: Target, count: int) -> None:
        """Keep so many instances of a version, and return when they are there; 0 lets them go.

        Raises NoCapacity, RuntimeUnavailable, InitFailed; what there is by then stays.
        """
        pool = self._pool(target)
        pool.provisioned, pool.provisioned_target = count, target
        self._gate(target).provision(target.function, target.version, count)
        if not count and pool.idle:
            self._wake_reaper()
        await self._top_up(pool)

    def release_provisioned(self, scope: str, function: str, version: str) -> None:
        """Let a version's provisioned instances go as others do."""
        self._gate_of(scope).provision(function, version, 0)
        pool = self._pools.get((scope, function, version))
        if pool is not None:
            pool.provisioned = 0
            self._wake_reaper()

    def provisioned(self, scope: str, function: str, version: str) -> int:
        """Instances of a version's provisioned ones that are there."""
        pool = self._pools.get((scope, function, version))
        if pool is None:
            return 0
        return min(pool.provisioned, len(pool.idle) + len(pool.busy))

    async def _top_up(self, pool: _Pool) -> None:
        """Make what is missing of a pool's provisioned instances, one after the other."""
        while pool.is_current and pool.provisioned > pool.size:
            target = pool.provisioned_target
            assert target is not None
            pool.opening += 1
            try:
                session = await self.new_session(target)
                await session.open()
            finally:
                pool.opening -= 1
            self._give_back(pool, session)
            assert session.link is not None
            session.link.exited.add_done_callback(partial(self._lost, pool, session))

    def _lost(self, pool: _Pool, session: Session, _exited: asyncio.Future[Exit]) -> None:
        """A provisioned instance ended while nobody used it."""
        if pool.is_current and session in pool.idle:
            pool.idle.remove(session)
            self._later(session.close())
            if pool.provisioned > pool.size:
                self._later(self._replace_lost(pool))

    async def _replace_lost(self, pool: _Pool) -> None:
        try:
            await self._top_up(pool)
        except (InitFailed, NoCapacity, RuntimeUnavailable) as error:
            _log.warning("a provisioned instance could not be replaced: %s", error)

    async def retire(self, scope: str, function: str, version: str | None = None) -> None:
        """End the idle instances of a function's versions (one, or all); busy ones end after
        their call. For updates and deletions."""
        for key, pool in list(self._pools.items()):
            if key[:2] == (scope, function) and version in (None, key[2]):
                del self._pools[key]
                pool.is_current = False
                await self._drain(pool)

    def reserve(self, scope: str, function: str, reserved: int | None) -> None:
        """Set or lift a function's reserved concurrency from now on."""
        self._gate_of(scope).reserve(function, reserved)

    async def forget(self, scope: str, function: str) -> None:
        """A deleted function: retire it and give its reserved concurrency back."""
        await self.retire(scope, function)
        self._gate_of(scope).forget(function)

    def figures(self, scope: str, function: str) -> FunctionFigures:
        """The counters of a function; zeros for one never called."""
        self._meter()
        return self._figures.get((scope, function)) or FunctionFigures()

    def counts(self) -> Mapping[tuple[str, str, str], tuple[int, int]]:
        """``(scope, function, version)`` → idle and busy instances."""
        return MappingProxyType(
            {key: (len(pool.idle), len(pool.busy)) for key, pool in self._pools.items()}
        )

    async def close(self) -> None:
        """End every idle instance; busy ones are ended by closing the nodes."""
        self._meter()
        for task in (self._metering, self._reaper):
            if task is not None:
                task.cancel()
        for pool in self._pools.values():
            pool.is_current = False
            await self._drain(pool)
        self._pools.clear()
        if self._closing:
            await asyncio.wait(self._closing)

    async def _invoke_cold(
        self, pool: _Pool, target: Target, call: Call, gate: ConcurrencyGate
    ) -> Result:
        if not gate.take_start(target.function, self._clock.mono_ns()):
            self._throttled(target, call, scaling.RATE_EXCEEDED)
        session = await self.new_session(target)
        pool.busy.add(session)
        place = (len(pool.busy), pool.provisioned)
        try:
            result = await session.invoke_cold(call)
        except NoCapacity as full:
            self._note_throttle(target, call, scaling.ACCOUNT_EXCEEDED)
            raise errors.no_capacity() from full
        finally:
            self._give_back(pool, session)
        self._note((target, call.invoked_arn, place), result, gate)
        return result

    def _note(self, ran: _Ran, result: Result, gate: ConcurrencyGate) -> None:
        """Book what ran when the loop turns next: its caller waits for that no longer."""
        if not self._ended:
            asyncio.get_running_loop().call_soon(self._book)
        self._ended.append((ran, result, gate.load(ran[0].function)))

    def _book(self) -> None:
        ended, self._ended = self._ended, []
        for (target, arn, (busy, provisioned)), result, load in ended:
            self._meter_soon(
                Usage(
                    target=target,
                    at_ms=self._clock.now_ms(),
                    is_cold=result.is_cold,
                    is_error=bool(result.function_error),
                    duration_ns=result.duration_ns,
                    init_ns=result.init_ns or 0,
                    billed_ms=reports.billed_ms(result.duration_ns, result.init_ns),
                    memory_peak_mb=result.memory_peak_mb,
                    invoked_arn=arn,
                    load=load,
                    busy=busy,
                    provisioned=provisioned,
                )
            )

    def _meter_soon(self, usage: Usage) -> None:
        self._unmetered.append(usage)
        if self._metering is None:
            self._metering = asyncio.create_task(self._meter_later())

    async def _meter_later(self) -> None:
        await self._clock.sleep(_METER_S)
        self._metering = None
        self._meter()

    async def new_session(self, target: Target) -> Session:
        """An instance that is not started yet and in no pool: whoever asks for it closes it."""
        services = self._services
        stream = self._stream_name(target.version)
        credentials = await services.credentials(target)
        environment = {
            **target.spec.environment,
            **credentials,
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        }
        spec = replace(target.spec, environment=environment)
        needed = (services.nodes, self._clock, services.write_log, services.layers)
        return Session(target, spec, stream, needed)

    def _stream_name(self, version: str) -> str:
        day = utc(self._clock.now_ms()).strftime("%Y/%m/%d")
        return f"{day}/[{version}]{self._services.chance.random_bytes(_STREAM_ID_BYTES).hex()}"

    def _pool(self, target: Target) -> _Pool:
        key = (target.scope, target.function, target.version)
        pool = self._pools.get(key)
        if pool is None or pool.revision != target.revision:
            if pool is not None:
                pool.is_current = False
                self._later(self._drain(pool))
            pool = self._pools[key] = _Pool(target.revision)
        return pool

    def _take_idle(self, pool: _Pool) -> Session | None:
        oldest_ns = self._clock.mono_ns() - round(self._settings.age_s * _NS_PER_S)
        while pool.idle:
            session = pool.idle.pop()
            if session.is_alive and session.started_ns >= oldest_ns:
                return session
            self._later(session.close())
            if pool.provisioned > pool.size:
                self._later(self._replace_lost(pool))
        return None

    def _give_back(self, pool: _Pool, session: Session) -> None:
        """A session's invocation is over, or its init phase."""
        pool.busy.discard(session)
        if pool.is_current and session.is_alive:
            session.idle_since_ns = self._clock.mono_ns()
            pool.idle.append(session)
            self._wake_reaper()
        else:
            self._later(session.close())
            if pool.is_current and pool.provisioned > pool.size:
                self._later(self._replace_lost(pool))

    def _wake_reaper(self) -> None:
        if self._reaper is None or self._reaper.done():
            self._reaper = asyncio.create_task(self._reap())

    async def _drain(self, pool: _Pool) -> None:
        idle, pool.idle = pool.idle, []
        for session in idle:
            await session.close()

    async def _reap(self) -> None:
        """End instances idle for too long; returns when none is idle."""
        idle_ns = round(self._settings.idle_s * _NS_PER_S)
        while True:
            now_ns = self._clock.mono_ns()
            next_ns: int | None = None
            for pool in list(self._pools.values()):
                while pool.idle and (
                    not pool.idle[0].is_alive
                    or (pool.spare and pool.idle[0].idle_since_ns + idle_ns <= now_ns)
                ):
                    await pool.idle.pop(0).close()
                if pool.spare:
                    due_ns = pool.idle[0].idle_since_ns + idle_ns
                    next_ns = due_ns if next_ns is None else min(next_ns, due_ns)
            if next_ns is None:
                return
            await self._clock.sleep((next_ns - now_ns) / _NS_PER_S)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        """Run an ending beside the call that caused it."""
        task = asyncio.create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _gate(self, target: Target) -> ConcurrencyGate:
        gate = self._gates.get(target.scope) or self._gate_of(target.scope)
        gate.reserve(target.function, target.reserved)
        return gate

    def _gate_of(self, scope: str) -> ConcurrencyGate:
        gate = self._gates.get(scope)
        if gate is None:
            gate = self._gates[scope] = ConcurrencyGate(
                self.limits.in_region(scope.partition("/")[2])
            )
        return gate

    def _throttled(self, target: Target, call: Call, reason: str) -> NoReturn:
        self._note_throttle(target, call, reason)
        raise errors.too_many_requests(reason)

    def _note_throttle(self, target: Target, call: Call, reason: str) -> None:
        at_ms = self._clock.now_ms()
        self._meter_soon(Usage(target, at_ms, throttle=reason, invoked_arn=call.invoked_arn))

    def _meter(self) -> None:
        """Count what waits for it."""
        self._book()
        unmetered, self._unmetered = self._unmetered, []
        for usage in unmetered:
            figures = self._figures[(usage.target.scope, usage.target.function)]
            if usage.throttle:
                figures.throttles += 1
                continue
            figures.invocations += 1
            figures.cold += usage.is_cold
            figures.errors += usage.is_error
            figures.duration_ns_sum += usage.duration_ns
            figures.duration_ns_max = max(figures.duration_ns_max, usage.duration_ns)
            figures.init_ns_sum += usage.init_ns
            figures.gigabyte_seconds += usage.gigabyte_seconds
            figures.concurrency_max = max(figures.concurrency_max, usage.concurrency)
        if unmetered:
            self._services.meter(unmetered)
