"""The kernel: the one door between rooms, their transactions, and what follows a commit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

import orjson

from pileus.kernel.calls import SEEN, SEEN_AT, ReadCall, StreamCall, WriteCall
from pileus.kernel.measures import Measures
from pileus.kernel.metering import Meter
from pileus.kernel.observing import ObserverChoice, Observers, PassingCall, Take
from pileus.kernel.operations import OperationCode, Reply, Wait
from pileus.kernel.outbox import Outbox
from pileus.kernel.rooms import Registry
from pileus.kernel.supervision import Supervisor
from pileus.kernel.timers import Timers
from pileus.kernel.write_work import WriteWork
from pileus.ports.blobs import Blobs
from pileus.ports.chance import Chance
from pileus.ports.clock import Clock
from pileus.ports.log import Log
from pileus.ports.state import Snapshot, Space, State
from pileus.values.body import Body
from pileus.values.context import DEFAULT_ENDPOINT, DEFAULT_REGION, CallContext, Principal
from pileus.values.errors import ServiceError, StoreUnavailable

T = TypeVar("T")
P = TypeVar("P")
_log = logging.getLogger("pileus")
SEEN_KEEP_MS = 24 * 3600 * 1000
_SWEEP_EVERY_S = 600.0
_SWEEP_ROWS = 1000
_RECALLED_MAX = 4096

Guard = Callable[[CallContext, str, str, str], None]
"""``(context, service, operation, resource ARN)``; raises the ServiceError that refuses the call."""


class Kernel:
    """Binds the ports and runs calls.

    Args:
        state, blobs, log, clock, chance: the ports.
        registry: where rooms are found.
        guards: authorisation and throttling, asked in order before an operation runs.
        signing_key: the platform's own 32 secret bytes: temporary credentials are signed and
            secure values sealed with keys derived from it. The default is for tests.
    """

    def __init__(
        self,
        *,
        state: State,
        blobs: Blobs,
        log: Log,
        clock: Clock,
        chance: Chance,
        registry: Registry | None = None,
        guards: tuple[Guard, ...] = (),
        signing_key: bytes = bytes(32),
    ) -> None:
        self.state = state
        self.blobs = blobs
        self.log = log
        self.clock = clock
        self.chance = chance
        self.registry = registry or Registry()
        self.guards = guards
        self.signing_key = signing_key
        self.endpoint = DEFAULT_ENDPOINT
        self.default_region = DEFAULT_REGION
        self.supervisor = Supervisor()
        self.meter = Meter()
        self.measures = Measures(self)
        self.outbox = Outbox(self)
        self.timers = Timers(self)
        self._parts: dict[type, Any] = {}
        self._parts_later: dict[str, Callable[[], object]] = {}
        self.observers = Observers(self)
        self._sequence = 0
        self._recalled: dict[tuple[Space, Hashable], tuple[int, Any]] = {}

    async def start(self) -> None:
        """Recover what a previous run left: outbox, timers, the rooms' background work."""
        self.timers.recover()
        self.supervisor.spawn("timers", self.timers.run())
        for space in self.state.spaces():
            room = self.registry.room(space[2])
            if room.has_background:
                await self.registry.background(room).start(self.stream_call(space))
        self.outbox.recover()
        self.measures.start()
        self.supervisor.spawn("sweep", self._sweep_seen())

    async def close(self) -> None:
        """Stop background work, then close the store."""
        await self.measures.close()
        await self.supervisor.close()
        await self.log.close()
        await self.state.close()

    # -- the door ---------------------------------------------------------------------------

    async def invoke(
        self,
        context: CallContext,
        service: str,
        operation: str,
        input: Mapping[str, Any],
        body: Body | None = None,
    ) -> Reply:
        """Call an operation of a room: the only way into one.

        Args:
            input: members in wire names, decoded (blobs as bytes, timestamps as datetimes).
            body: the streaming payload of operations that have one.

        Raises:
            ServiceError: the operation's own errors, an input that does not fit its shape, an
                operation or service that is not there.
            StoreUnavailable: a store could not do its part.
        """
        began_ns = self.clock.mono_ns()
        error_code = ""
        try:
            bound = self.registry.operation(service, operation)
            if violations := bound.violations(input):
                raise bound.room.invalid_input(service, operation, violations)
            context = bound.room.owner(context, operation, input)
            if self.guards:
                resource = bound.room.resource_arn(context, operation, input)
                for guard in self.guards:
                    guard(context, service, operation, resource)
            # What waits is resumed through every function in between: so few of them here.
            code, space = bound.code, bound.room.space(context.account, context.region)
            if code.kind == "stream":
                result = await code.run(StreamCall(self, context, space), input, body)
            elif code.prepare is not None:
                result = await self._run_prepared(code, context, space, input)
            elif code.kind == "write":
                result = await self._write_until_answered(
                    context, space, lambda call: code.run(call, input)
                )
            else:
                result = self.read(context, space, lambda call: code.run(call, input))
            reply = result if isinstance(result, Reply) else Reply(result or {})
            if bound.room.namespace and self.measures.is_on:
                self.measures.call(bound.room, space, operation, input, reply.output)
            return reply
        except ServiceError as error:
            error_code = error.code
            raise
        except BaseException as error:
            error_code = type(error).__name__
            raise
        finally:
            took_us = (self.clock.mono_ns() - began_ns) // 1000
            self.meter.add(context.account, service, operation, took_us, error_code)
            if self.observers.are_any:
                self.observers.call(
                    PassingCall(context, service, operation, input, took_us, error_code)
                )

    async def _run_prepared(
        self, code: OperationCode, context: CallContext, space: Space, input: Mapping[str, Any]
    ) -> Any:
        """A read or a write that asks others beforehand: a :class:`Reply`, or its output."""
        assert code.prepare is not None
        if (seen := self.remembered(context, space)) is not None:
            # What is prepared looks at what is there, and would refuse what it made itself.
            return orjson.loads(seen)
        prepared = await code.prepare(StreamCall(self, context, space), input)
        if code.kind == "read":
            return self.read(context, space, lambda call: code.run(call, input, prepared))
        return await self._write_until_answered(
            context, space, lambda call: code.run(call, input, prepared)
        )

    async def _write_until_answered(
        self, context: CallContext, space: Space, step: Callable[[WriteCall], Any]
    ) -> Any:
        started_ms: int | None = None
        while True:
            work = WriteWork(self, context, space, step, context.delivery_id)
            work.started_ms = started_ms
            try:
                result = await self.state.transact(space, work)
                work.follow()
                if not isinstance(result, Wait):
                    return result
                assert work.waiter is not None
                started_ms = work.call.started_ms
                await self.clock.wait(work.waiter, result.until_ms)
            finally:
                if work.waiter is not None:
                    work.waiter.cancel()

    def remembered(self, context: CallContext, space: Space) -> bytes | None:
        """The answer, as JSON, that the same delivery got before; None when it is the first."""
        delivery_id = context.delivery_id
        if delivery_id is None:
            return None
        return self.state.read(space, lambda view: view.get((SEEN, delivery_id)))

    # -- transactions -----------------------------------------------------------------------

    async def write(
        self,
        context: CallContext,
        space: Space,
        step: Callable[[WriteCall], T],
        *,
        once: bool = False,
    ) -> T:
        """Run ``step`` in one transaction; afterwards dispatch what it emitted.

        With ``once`` and a delivery id in the context the first result is remembered for 24 hours
        and given to every repetition instead of running again.
        """
        work = WriteWork(self, context, space, step, context.delivery_id if once else None)
        result: T = await self.state.transact(space, work)
        work.follow()
        return result

    def read(self, context: CallContext, space: Space, look: Callable[[ReadCall], T]) -> T:
        """Run ``look`` on a snapshot of ``space``."""

        def run(snapshot: Snapshot) -> T:
            return look(ReadCall(self, context, space, snapshot))

        return self.state.read(space, run)

    def recall(self, space: Space, what: Hashable, look: Callable[[], T]) -> T:
        """What ``look`` read in ``space``, read again only after something was committed."""
        commits = self.state.commits
        known = self._recalled.get((space, what))
        if known is not None and known[0] == commits:
            found: T = known[1]
            return found
        found = look()
        if len(self._recalled) >= _RECALLED_MAX:
            self._recalled.clear()
        self._recalled[(space, what)] = (commits, found)
        return found

    def next_sequence(self, count: int = 1) -> int:
        """Strictly growing; at least the wall clock's microseconds: the first of ``count`` numbers
        that follow one another."""
        first, moment = self._sequence + 1, self.clock.now_ms() * 1000
        if moment > first:
            first = moment
        self._sequence = first + count - 1
        return first

    # -- surroundings -----------------------------------------------------------------------

    def add_part(self, kind: type[P], part: P) -> None:
        """Offer the platform's one object of a class to rooms."""
        self._parts[kind] = part

    def add_parts_later(self, package: str, add: Callable[[], object]) -> None:
        """Offer the parts whose classes lie in ``package``: ``add`` is called, and adds them, when
        one of them is first asked for. What nobody uses is then not even imported."""
        self._parts_later[package] = add

    def part(self, kind: type[P]) -> P:
        """The object given by :meth:`add_part`; KeyError when there is none."""
        if kind not in self._parts:
            for package, add in self._parts_later.items():
                if f"{kind.__module__}.".startswith(f"{package}."):
                    add()
        part: P = self._parts[kind]
        return part

    def own(self, kind: type[P]) -> P:
        """The object of a class that a room keeps in memory; made without arguments when first
        asked for."""
        if kind not in self._parts:
            self._parts[kind] = kind()
        return self.part(kind)

    def system_context(self, space: Space) -> CallContext:
        """The context of work that the platform does in a space by itself."""
        region = self.default_region if space[1] == "global" else space[1]
        return CallContext(
            account=space[0],
            region=region,
            principal=Principal.service(f"{space[2]}.amazonaws.com", space[0]),
            source=space[2],
            endpoint=self.endpoint,
        )

    def stream_call(self, space: Space) -> StreamCall:
        """A call of the platform's own in ``space``."""
        return StreamCall(self, self.system_context(space), space)

    def add_observer(self, take: Take, choice: ObserverChoice | None = None) -> Callable[[], None]:
        """Tell ``take`` of every call, delivery, invocation, log line; returns the undo.

        ``choice`` says what is wanted; without one everything is, at once.
        """
        return self.observers.add(take, choice)

    def observe(self, kind: str, **fields: Any) -> None:
        """Pass a record to the observers; nothing is built when nobody wants it."""
        if self.observers.are_any:
            self.observers.tell(kind, fields)

    async def _sweep_seen(self) -> None:
        while True:
            await self.clock.sleep(_SWEEP_EVERY_S)
            for space in self.state.spaces():
                try:
                    await self.write(self.system_context(space), space, self._forget_seen)
                except StoreUnavailable as problem:
                    _log.warning("the sweep of %s waits for the store: %s", space, problem)

    def _forget_seen(self, call: WriteCall) -> None:
        horizon = (SEEN_AT, call.now_ms - SEEN_KEEP_MS)
        for key, _ in call.state.range((SEEN_AT,), stop=horizon, limit=_SWEEP_ROWS):
            call.state.delete(key)
            call.state.delete((SEEN, key[2]))
