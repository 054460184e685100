"""Asynchronous invocations: accepted on disk, run at least once, retried, and told where they end.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import hashlib
import uuid

import msgspec

from pileus.compute.calls import Call as ComputeCall
from pileus.compute.calls import Result
from pileus.compute.work_queue import CONCURRENT_MAX, WorkQueue
from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.kernel import Kernel
from pileus.services.lambda_ import outcomes, running, store
from pileus.services.lambda_.limits import LIMITS
from pileus.services.lambda_.measures import noted
from pileus.services.lambda_.model import AsyncConfiguration, AsyncEvent, Configuration, Function
from pileus.services.lambda_.names import LATEST
from pileus.services.lambda_.outcomes import Condition, Ending
from pileus.values.errors import ServiceError, StoreUnavailable

_INLINE_BYTES_MAX = 16 * 1024
_STORE_PAUSE_MS = 1000
_PAGE = 1000
_RECEIVED, _DROPPED = {"AsyncEventsReceived": 1.0}, "AsyncEventsDropped"


class _Work(msgspec.Struct):
    """An event with what it runs on, as it stands now."""

    event: AsyncEvent
    function: Function
    version: Configuration
    settings: AsyncConfiguration

    @property
    def until_ms(self) -> int:
        """When the event is too old to be tried."""
        return self.event.accepted_ms + 1000 * (self.settings.age_s or LIMITS.age_s_default)


class AsyncInvokes:
    """Takes accepted events and brings each to its end; the platform has one."""

    def __init__(self, kernel: Kernel, functions: running.Functions) -> None:
        self._kernel = kernel
        self._functions = functions
        self._queue = WorkQueue(kernel.clock, kernel.supervisor, self._run, self._limit)

    def submit(self, call: StreamCall, event: AsyncEvent) -> None:
        """Let an event run that is durable already."""
        lane = _lane(call, event.function)
        self._queue.submit(lane, event.id, event.not_before_ms)

    def pending(self, call: StreamCall, function: str) -> int:
        """Events of a function that wait or run."""
        return self._queue.pending(_lane(call, function))

    async def drop(self, call: StreamCall, function: str) -> None:
        """Forget the events of a deleted function, whose records are gone already."""
        # What runs keeps its payload until it ends.
        for event_id in self._queue.drop(_lane(call, function)):
            await call.blobs.delete(_payload_name(call, function, event_id))

    async def recover(self, call: StreamCall) -> None:
        """Submit what a previous run left in this space, and drop payloads it left behind."""
        started_ms = call.now_ms
        events = [
            store.ASYNC.decode(raw)
            for _, raw in call.read(lambda view: view.state.range(("async",)))
        ]
        for event in events:
            self.submit(call, event)
        kept = {event.blob for event in events}
        await _delete_payloads(call, kept, started_ms)

    def _limit(self, lane: str) -> int:
        """No more at a time than reserved concurrency admits: the others would be throttled."""
        account, region, name = lane.split("/", 2)
        call = self._kernel.stream_call((account, region, "lambda"))
        raw = call.read(lambda view: view.state.get(("function", name)))
        reserved = None if raw is None else store.FUNCTIONS.decode(raw).reserved
        return CONCURRENT_MAX if reserved is None else max(1, min(reserved, CONCURRENT_MAX))

    async def _run(self, lane: str, event_id: str) -> int | None:
        account, region, name = lane.split("/", 2)
        call = self._kernel.stream_call((account, region, "lambda"))
        try:
            return await self._attempt(call, name, event_id)
        except StoreUnavailable:
            # The event is on disk as it was before the attempt, which is made again.
            return self._kernel.clock.now_ms() + _STORE_PAUSE_MS

    async def _attempt(self, call: StreamCall, name: str, event_id: str) -> int | None:
        """Run the event once; when to run it again, or None when it came to its end."""
        chance = call.random_bytes(2)
        event = call.read(lambda view: store.find_async(view, name, event_id))
        if event is None:
            return None
        work = call.read(lambda view: _load(view, event, chance))
        if work is None:
            # Its alias or version was deleted: there is nothing to run and nowhere to tell.
            await call.write(lambda write: _forget(write, event))
            await _delete_payload(call, event)
            return None
        if work.function.reserved == 0:
            return await self._end(call, work, Ending(Condition.NO_CONCURRENCY))
        if self._kernel.clock.now_ms() > work.until_ms:
            return await self._end(call, work, Ending(Condition.AGE_EXCEEDED))
        try:
            result = await self._invoke(call, work)
        except ServiceError as error:
            # Throttled, or the platform's fault: it does not count as an attempt.
            event.throttles += 1
            pause_s = LIMITS.throttle_pause_first_s * 2 ** (event.throttles - 1)
            pause_s = min(pause_s, LIMITS.throttle_pause_last_s)
            return await self._again(
                call, work, pause_s, Ending(Condition.AGE_EXCEEDED, None, error)
            )
        event.attempts += 1
        if not result.function_error:
            return await self._end(call, work, Ending(Condition.SUCCESS, result))
        retries = work.settings.retries
        if event.attempts > (LIMITS.retries_default if retries is None else retries):
            return await self._end(call, work, Ending(Condition.EXHAUSTED, result))
        pauses = LIMITS.retry_pauses_s
        pause_s = pauses[min(event.attempts, len(pauses)) - 1]
        return await self._again(call, work, pause_s, Ending(Condition.AGE_EXCEEDED, result))

    async def _invoke(self, call: StreamCall, work: _Work) -> Result:
        event = work.event
        arn = store.arn_of(call, event.function, event.qualifier)
        payload = await _payload(call, event)
        compute_call = ComputeCall(event.id, payload, arn, event.trace, is_queued=True)
        age = {"AsyncEventAge": float(self._kernel.clock.now_ms() - event.accepted_ms)}
        call.note(noted(event.function, event.qualifier, age))
        scope = running.scope_of(call.account, call.region)
        return await self._functions.invoke(scope, work.function, work.version, compute_call)

    async def _again(
        self, call: StreamCall, work: _Work, pause_s: int, too_late: Ending
    ) -> int | None:
        """Note when the event runs again; it ends now when that would be past its age."""
        event = work.event
        event.not_before_ms = self._kernel.clock.now_ms() + pause_s * 1000
        if event.not_before_ms > work.until_ms:
            return await self._end(call, work, too_late)

        def step(write: WriteCall) -> bool:
            if store.find_async(write, event.function, event.id) is None:
                return False
            store.put_async(write.state, event)
            return True

        return (
            event.not_before_ms
            if await call.write_at_last(step, f"the outcome of event {event.id}")
            else None
        )

    async def _end(self, call: StreamCall, work: _Work, ending: Ending) -> int | None:
        """Forget the event and emit what its end is told, in one transaction; None."""
        event, settings = work.event, work.settings
        payload = await _payload(call, event)
        is_success = ending.condition is Condition.SUCCESS
        target = settings.on_success if is_success else settings.on_failure
        letters = "" if is_success else work.version.dead_letter

        def step(write: WriteCall) -> None:
            if store.find_async(write, event.function, event.id) is None:
                return
            store.delete_async(write.state, event)
            write.measure(noted(event.function, event.qualifier, {_DROPPED: float(not is_success)}))
            if target:
                outcomes.tell(write, target, (event, work.version, ending), payload)
            if letters:
                write.emit(outcomes.dead_letter(letters, (event, work.version, ending), payload))

        await call.write_at_last(step, f"the outcome of event {event.id}")
        await _delete_payload(call, event)
        return None


def _lane(call: StreamCall, function: str) -> str:
    return f"{call.account}/{call.region}/{function}"


def _forget(write: WriteCall, event: AsyncEvent) -> None:
    """Nothing can run it any more."""
    store.delete_async(write.state, event)
    write.measure(noted(event.function, event.qualifier, {_DROPPED: 1.0}))


def _load(view: ReadCall, event: AsyncEvent, chance: bytes) -> _Work | None:
    """What an event runs on; None when its version or alias is gone."""
    try:
        function = store.find_function(view, event.function)
        version = store.chosen(view, function, event.qualifier, chance)
    except ServiceError:
        return None
    settings = function.asynchronous.get(event.qualifier or LATEST) or AsyncConfiguration()
    return _Work(event, function, version, settings)


# -- payloads ----------------------------------------------------------------------------------


def _payload_prefix(call: StreamCall) -> str:
    return f"{call.account}/{call.region}/lambda/async/"


def _payload_name(call: StreamCall, function: str, event_id: str) -> str:
    return f"{_payload_prefix(call)}{function}/{event_id}"


async def _payload(call: StreamCall, event: AsyncEvent) -> bytes:
    if not event.blob:
        return event.payload
    return b"".join([chunk async for chunk in call.blobs.get(event.blob)])


async def _delete_payload(call: StreamCall, event: AsyncEvent) -> None:
    if event.blob:
        await call.blobs.delete(event.blob)


async def _delete_payloads(call: StreamCall, kept: set[str], before_ms: int) -> None:
    """Delete the payloads older than ``before_ms`` that no event names."""
    prefix, after = _payload_prefix(call), ""
    while page := await call.blobs.list(prefix, after, _PAGE):
        after = page[-1].name
        for info in page:
            if info.modified_ms < before_ms and info.name not in kept:
                await call.blobs.delete(info.name)


# -- acceptance --------------------------------------------------------------------------------


async def accept(
    call: StreamCall, function: Function, qualifier: str, payload: bytes
) -> AsyncEvent:
    """Make an event durable; the same delivery is accepted once."""
    event = AsyncEvent(
        id=_event_id(call),
        function=function.name,
        qualifier=qualifier,
        accepted_ms=call.now_ms,
        payload=payload,
        trace=call.context.trace,
    )
    if len(payload) > _INLINE_BYTES_MAX:
        event.payload = b""
        event.blob = _payload_name(call, function.name, event.id)
        await call.blobs.put(event.blob, payload)

    def step(write: WriteCall) -> dict[str, str]:
        store.put_async(write.state, event)
        write.measure(noted(event.function, event.qualifier, _RECEIVED))
        return {"id": event.id}

    await call.write(step, once=True)
    if (
        event.blob
        and call.read(lambda view: store.find_async(view, event.function, event.id)) is None
    ):
        # A redelivery of an event that came to its end.
        await _delete_payload(call, event)
    return event


def _event_id(call: StreamCall) -> str:
    """The request id the function sees: as the caller was told, the same at every redelivery."""
    context = call.context
    if context.delivery_id:
        digest = hashlib.sha256(context.delivery_id.encode()).digest()
        return str(uuid.UUID(bytes=digest[:16], version=4))
    if context.source == "client" and len(context.request_id) == len(str(uuid.UUID(int=0))):
        return context.request_id
    return call.new_id()
