"""What an operation holds in its hand: one class per kind of operation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from msgspec.structs import replace

from pileus.kernel.deliveries import Delivery, OutboxEntry, Timer, encode_entry, encode_timer
from pileus.kernel.operations import Reply
from pileus.kernel.supervision import StorePatience
from pileus.ports.blobs import Blobs
from pileus.ports.clock import Clock
from pileus.ports.log import Log
from pileus.ports.state import Snapshot, Space, Transaction
from pileus.values.body import Body
from pileus.values.context import CallContext, Principal
from pileus.values.errors import StoreUnavailable
from pileus.values.keys import Key

if TYPE_CHECKING:
    from pileus.kernel.kernel import Kernel
    from pileus.kernel.measures import Noted

T = TypeVar("T")
OUTBOX = "~outbox"
TIMER = "~timer"
TIMER_AT = "~timer_at"
SEEN = "~seen"
SEEN_AT = "~seen_at"
_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""What a random digit becomes where a UUID tells its variant (RFC 9562, section 4.1)."""


class Call:
    """Who calls, when, and chance. ``now_ms`` is the moment this run began."""

    __slots__ = ("_kernel", "context", "now_ms", "space", "started_ms")

    def __init__(
        self, kernel: Kernel, context: CallContext, space: Space, started_ms: int | None = None
    ) -> None:
        self._kernel = kernel
        self.context = context
        self.space = space
        self.now_ms = kernel.clock.now_ms()
        self.started_ms = self.now_ms if started_ms is None else started_ms

    @property
    def account(self) -> str:
        return self.context.account

    @property
    def region(self) -> str:
        return self.context.region

    @property
    def signing_key(self) -> bytes:
        """The platform's own key; see :class:`~pileus.kernel.kernel.Kernel`."""
        return self._kernel.signing_key

    def serves(self, service: str) -> bool:
        """Whether the house has a service (a wire id) at all, to refuse what would lead nowhere."""
        return self._kernel.registry.serves(service)

    def random_bytes(self, size: int) -> bytes:
        """Random bytes from the Chance port."""
        return self._kernel.chance.random_bytes(size)

    def new_id(self) -> str:
        """A random UUID (version 4) in its usual spelling."""
        raw = self._kernel.chance.random_bytes(16).hex()
        variant = _VARIANTS[raw[16]]
        return f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-{variant}{raw[17:20]}-{raw[20:]}"

    def arn(self, resource: str, service: str | None = None) -> str:
        """``arn:aws:<this room>:<region>:<account>:<resource>``."""
        return f"arn:aws:{service or self.space[2]}:{self.region}:{self.account}:{resource}"


class ReadCall(Call):
    """A call over a snapshot of the room's space."""

    __slots__ = ("state",)

    def __init__(
        self,
        kernel: Kernel,
        context: CallContext,
        space: Space,
        state: Snapshot,
        started_ms: int | None = None,
    ) -> None:
        super().__init__(kernel, context, space, started_ms)
        self.state: Any = state


class WriteCall(ReadCall):
    """A call inside a transaction of the room's space.

    ``sequence()`` numbers grow with every draw, across restarts as well: they order what one space
    writes.
    """

    __slots__ = ("emitted", "measured", "timers")

    def __init__(
        self,
        kernel: Kernel,
        context: CallContext,
        space: Space,
        state: Transaction,
        started_ms: int | None = None,
    ) -> None:
        # Written out here, and not two constructors up: every write makes one.
        self._kernel = kernel
        self.context = context
        self.space = space
        self.now_ms = kernel.clock.now_ms()
        self.started_ms = self.now_ms if started_ms is None else started_ms
        self.state: Any = state
        self.emitted: list[OutboxEntry] = []
        self.timers: list[Timer] = []
        self.measured: list[Noted] = []

    def sequence(self, count: int = 1) -> int:
        """A number greater than every one drawn before (microseconds of wall time, at least): the
        first of ``count``, of which each is greater by one."""
        return self._kernel.next_sequence(count)

    def emit(self, delivery: Delivery) -> str:
        """Put ``delivery`` in the outbox of this transaction; the id it will be delivered under."""
        entry_id = f"{self.sequence():016x}-{self.random_bytes(6).hex()}"
        entry = OutboxEntry(id=entry_id, delivery=delivery, first_ms=self.now_ms)
        self.state.put((OUTBOX, entry_id), encode_entry(entry))
        self.emitted.append(entry)
        return entry_id

    def set_timer(self, timer: Timer) -> None:
        """Run hook ``timer.name`` of this room at ``timer.at_ms``, replacing an earlier one."""
        self.cancel_timer(timer.name, timer.key)
        self.state.put((TIMER, timer.at_ms, timer.name, timer.key), encode_timer(timer))
        self.state.put((TIMER_AT, timer.name, timer.key), str(timer.at_ms).encode())
        self.timers.append(timer)

    def cancel_timer(self, name: str, key: str) -> None:
        """Forget the timer; nothing happens when there is none."""
        at = self.state.get((TIMER_AT, name, key))
        if at is not None:
            self.state.delete((TIMER, int(at), name, key))
            self.state.delete((TIMER_AT, name, key))

    def measure(self, noted: Noted) -> None:
        """After the commit, count what ``noted`` says (see ``Measures.note``)."""
        self.measured.append(noted)

    def wake(self, key: Key) -> None:
        """After the commit, run again whoever waits on ``key`` in this space."""
        self.state.wake(key)


class StreamCall(Call):
    """A call that may await: bytes, other rooms, user code."""

    __slots__ = ()

    async def write(self, step: Callable[[WriteCall], T], *, once: bool = False) -> T:
        """Run ``step`` in one transaction of the room's space.

        With ``once`` a redelivery of the same outbox entry does not run it again and gets the
        result of the first run, which must be JSON.
        """
        return await self._kernel.write(self.context, self.space, step, once=once)

    def remembered(self) -> Any | None:
        """What a ``once`` write of the same delivery answered before; None when it is the first.

        For an operation that looks before it writes, and must not be refused by its own work.
        """
        seen = self._kernel.remembered(self.context, self.space)
        return None if seen is None else orjson.loads(seen)

    async def write_at_last(self, step: Callable[[WriteCall], T], work: str) -> T:
        """The same, however long the store is away: for what has happened and must be noted.

        ``work`` names it in the warning.
        """
        patience = StorePatience(self.clock, work)
        while True:
            try:
                return await self.write(step)
            except StoreUnavailable as problem:
                await patience.pause(problem)

    def read(self, look: Callable[[ReadCall], T]) -> T:
        """Run ``look`` on a snapshot of the room's space."""
        return self._kernel.read(self.context, self.space, look)

    def recall(self, what: Hashable, look: Callable[[ReadCall], T]) -> T:
        """The same, looked for again only after something was committed somewhere.

        For what is read far more often than written. ``what`` names it within the room's space, and
        ``look`` depends on nothing else; everyone gets the same object, so nobody may change it.
        """
        return self._kernel.recall(self.space, what, lambda: self.read(look))

    async def invoke(
        self,
        service: str,
        operation: str,
        input: Mapping[str, Any],
        body: Body | None = None,
        *,
        principal: Principal | None = None,
    ) -> Reply:
        """Call another room through the door, as the caller or under ``principal``."""
        context = self.context.acting_as(principal or self.context.principal, self.space[2])
        return await self._kernel.invoke(context, service, operation, input, body)

    async def until(
        self, key: Key, until_ms: int, look: Callable[[ReadCall], T | None]
    ) -> T | None:
        """What ``look`` finds, asked again whenever ``key`` is woken; None when the time is up."""
        while True:
            waiter = self._kernel.state.waiter(self.space, key)
            try:
                found = self.read(look)
                if found is not None:
                    return found
                if not await self.clock.wait(waiter, until_ms):
                    return None
            finally:
                waiter.cancel()

    def resource_types(self) -> list[str]:
        """Every CloudFormation type some room knows."""
        return self._kernel.registry.resource_type_names()

    def resource_type(self, name: str) -> Any | None:
        """The :class:`~pileus.kernel.resources.ResourceType` of that name, whichever room's."""
        return self._kernel.registry.resource_type(name)

    def step(self, context: CallContext, resource_type: str, step_id: str) -> StepCall:
        """A call of the room that owns ``resource_type`` (this one's where none does).

        Whatever it writes through the door under ``context`` it writes once for that ``step_id``.
        """
        registry = self._kernel.registry
        room = registry.resource_room(resource_type) or registry.room(self.space[2])
        space = room.space(context.account, context.region)
        return StepCall(self._kernel, context, space, step_id)

    def part(self, kind: type[T]) -> T:
        """The platform's one object of a class (instance pools, an SMS provider …)."""
        return self._kernel.part(kind)

    def own(self, kind: type[T]) -> T:
        """A room's one object of its class (what it knows in memory), made at its first use."""
        return self._kernel.own(kind)

    def observe(self, kind: str, **fields: Any) -> None:
        """Tell the observers (console, metrics) that something happened in this room."""
        self._kernel.observe(
            kind, account=self.account, region=self.region, room=self.space[2], **fields
        )

    def note(self, noted: Noted) -> None:
        """Count what has happened in this room's space (see ``Measures.note``)."""
        self._kernel.measures.note(self.space, noted)

    def spawn(self, name: str, work: Any) -> None:
        """Run a coroutine under supervision; it ends with the platform."""
        self._kernel.supervisor.spawn(name, work)

    def in_account(self, account: str, region: str | None = None) -> StreamCall:
        """The same room in another account or region."""
        room = self._kernel.registry.room(self.space[2])
        context = CallContext(
            account=account,
            region=region or self.region,
            principal=Principal.service(f"{self.space[2]}.amazonaws.com", account),
            request_id=self.context.request_id,
            source=self.space[2],
            endpoint=self.context.endpoint,
        )
        return StreamCall(self._kernel, context, room.space(account, context.region))

    @property
    def clock(self) -> Clock:
        return self._kernel.clock

    @property
    def blobs(self) -> Blobs:
        return self._kernel.blobs

    @property
    def log(self) -> Log:
        return self._kernel.log


class StepCall(StreamCall):
    """A call that may be made again after a crash: what it changes through the door changes once.

    A repetition that asks the same gets the answers of the first run, as a redelivery does.
    """

    __slots__ = ("_asked", "step_id")

    def __init__(self, kernel: Kernel, context: CallContext, space: Space, step_id: str) -> None:
        super().__init__(kernel, context, space)
        self.step_id = step_id
        self._asked: dict[str, int] = {}

    async def invoke(
        self,
        service: str,
        operation: str,
        input: Mapping[str, Any],
        body: Body | None = None,
        *,
        principal: Principal | None = None,
    ) -> Reply:
        """Call through the door; the same calls of a repeated step are told as repetitions."""
        what = _what(service, operation, input)
        count = self._asked[what] = self._asked.get(what, 0) + 1
        context = replace(
            self.context.acting_as(principal or self.context.principal, self.context.source),
            delivery_id=f"{self.step_id}-{what}-{count}",
        )
        return await self._kernel.invoke(context, service, operation, input, body)

    def is_answered(self, service: str, operation: str, input: Mapping[str, Any]) -> bool:
        """True when an earlier run of this step made the call that :meth:`invoke` would make now.

        For a handler that looks before it creates, and must not be refused by its own work.
        """
        what = _what(service, operation, input)
        count = self._asked.get(what, 0) + 1
        context = replace(self.context, delivery_id=f"{self.step_id}-{what}-{count}")
        bound = self._kernel.registry.operation(service, operation)
        context = bound.room.owner(context, operation, input)
        space = bound.room.space(context.account, context.region)
        return self._kernel.remembered(context, space) is not None


def _what(service: str, operation: str, input: Mapping[str, Any]) -> str:
    return hashlib.sha256(repr((service, operation, input)).encode()).hexdigest()[:16]
