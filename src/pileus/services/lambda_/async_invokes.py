"""Asynchronous invocations: accepted on disk, run at least once, retried, and told where they end.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

from typing import Any

import orjson

from pileus.compute.calls import Result
from pileus.compute.work_queue import WorkQueue
from pileus.kernel.calls import StreamCall, WriteCall
from pileus.kernel.deliveries import Delivery
from pileus.kernel.kernel import Kernel
from pileus.kernel.targets import call_for
from pileus.services.lambda_ import running, store
from pileus.services.lambda_.limits import LIMITS
from pileus.services.lambda_.model import AsyncConfiguration, AsyncEvent, Configuration, Function
from pileus.services.lambda_.names import LATEST
from pileus.values.arns import Arn
from pileus.values.errors import ServiceError
from pileus.values.times import iso8601

_PRINCIPAL = "service:lambda.amazonaws.com"
_INLINE_BYTES_MAX = 16 * 1024
_AGE_EXCEEDED = "EventAgeExceeded"
_EXHAUSTED = "RetriesExhausted"


class AsyncInvokes:
    """Takes accepted events and brings each to its end; the platform has one."""

    def __init__(self, kernel: Kernel, functions: running.Functions) -> None:
        self._kernel = kernel
        self._functions = functions
        self._queue = WorkQueue(kernel.clock, kernel.supervisor, self._run)

    def submit(self, call: StreamCall, event: AsyncEvent) -> None:
        """Let an event run that is durable already."""
        lane = f"{call.account}/{call.region}/{event.function}"
        self._queue.submit(lane, event.id, event.not_before_ms)

    def recover(self, call: StreamCall) -> None:
        """Submit what a previous run left in this space."""
        rows = call.read(lambda view: view.state.range(("async",)))
        for _, raw in rows:
            self.submit(call, store.ASYNC.decode(raw))

    async def _run(self, lane: str, event_id: str) -> int | None:
        account, region, name = lane.split("/", 2)
        call = self._kernel.stream_call((account, region, "lambda"))
        event, function, version = call.read(lambda view: _load(view, name, event_id))
        if event is None:
            return None
        if function is None or version is None:
            await call.write(lambda step: _forget(step, event))
            return None
        settings = function.asynchronous.get(event.qualifier or LATEST) or AsyncConfiguration()
        age_ms = 1000 * (settings.age_s or LIMITS.age_s_default)
        if call.now_ms - event.accepted_ms >= age_ms:
            await self._end(call, function, version, event, None, _AGE_EXCEEDED)
            return None
        payload = event.payload
        if event.blob:
            payload = b"".join([chunk async for chunk in call.blobs.get(event.blob)])
        compute_call = running.compute_call(
            event.id, payload, f"{account}/{region}", name, event.qualifier
        )
        try:
            result = await self._functions.invoke(
                f"{account}/{region}", function, version, compute_call
            )
        except ServiceError as error:
            if not error.is_retryable and error.status != 502:
                raise
            event.throttles += 1
            pause_s = min(
                LIMITS.throttle_pause_first_s * 2 ** (event.throttles - 1),
                LIMITS.throttle_pause_last_s,
            )
            return await self._again(call, event, pause_s)
        event.attempts += 1
        retries = LIMITS.retries_default if settings.retries is None else settings.retries
        if result.function_error and event.attempts <= retries:
            pauses = LIMITS.retry_pauses_s
            return await self._again(call, event, pauses[min(event.attempts, len(pauses)) - 1])
        condition = _EXHAUSTED if result.function_error else "Success"
        await self._end(call, function, version, event, result, condition)
        return None

    async def _again(self, call: StreamCall, event: AsyncEvent, pause_s: int) -> int:
        event.not_before_ms = self._kernel.clock.now_ms() + pause_s * 1000

        def step(write: WriteCall) -> None:
            write.state.put(("async", event.id), store.ASYNC.encode(event))

        await call.write(step)
        return event.not_before_ms

    async def _end(
        self,
        call: StreamCall,
        function: Function,
        version: Configuration,
        event: AsyncEvent,
        result: Result | None,
        condition: str,
    ) -> None:
        """Forget the event and emit what its end is told, in one transaction."""
        payload = event.payload
        if event.blob:
            payload = b"".join([chunk async for chunk in call.blobs.get(event.blob)])
        settings = function.asynchronous.get(event.qualifier or LATEST) or AsyncConfiguration()
        is_success = condition == "Success"
        target = settings.on_success if is_success else settings.on_failure

        def step(write: WriteCall) -> None:
            if write.state.get(("async", event.id)) is None:
                return
            _forget(write, event)
            if target:
                record = _record(write, function, version, event, result, condition, payload)
                write.emit(_to_destination(write, target, record, is_success))
            if not is_success and version.dead_letter:
                write.emit(_to_dead_letters(version.dead_letter, event, result, payload))

        await call.write(step)
        if event.blob:
            await call.blobs.delete(event.blob)


def _load(
    view: Any, name: str, event_id: str
) -> tuple[AsyncEvent | None, Function | None, Configuration | None]:
    raw = view.state.get(("async", event_id))
    if raw is None:
        return None, None, None
    event = store.ASYNC.decode(raw)
    try:
        function = store.find_function(view, name)
        return event, function, store.configuration(view, function, event.qualifier)
    except ServiceError:
        # The function was deleted meanwhile: there is nothing to run any more.
        return event, None, None


def _forget(call: WriteCall, event: AsyncEvent) -> None:
    call.state.delete(("async", event.id))


async def accept(
    call: StreamCall, function: Function, qualifier: str, payload: bytes, client_context: str
) -> AsyncEvent:
    """Make an event durable; the same delivery is accepted once."""
    event = AsyncEvent(
        id=(call.context.delivery_id and _request_id(call.context.delivery_id)) or call.new_id(),
        function=function.name,
        qualifier=qualifier,
        accepted_ms=call.now_ms,
        payload=payload,
        trace=call.context.trace,
        client_context=client_context,
    )
    if len(payload) > _INLINE_BYTES_MAX:
        event.payload = b""
        event.blob = f"{call.account}/lambda-async/{event.id}"
        await call.blobs.put(event.blob, payload)

    def step(write: WriteCall) -> dict[str, bool]:
        write.state.put(("async", event.id), store.ASYNC.encode(event))
        return {"is_new": True}

    await call.write(step, once=True)
    return event


def _request_id(delivery_id: str) -> str:
    """A request id that is the same at every redelivery, in the form of a UUID."""
    digits = delivery_id.replace("-", "").ljust(32, "0")[:32]
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _json(payload: bytes) -> Any:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload.decode("utf-8", "replace")


def _record(
    call: WriteCall,
    function: Function,
    version: Configuration,
    event: AsyncEvent,
    result: Result | None,
    condition: str,
    payload: bytes,
) -> dict[str, Any]:
    """What a destination is given.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    arn = store.arn_of(call, function.name, event.qualifier or LATEST)
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": iso8601(call.now_ms),
        "requestContext": {
            "requestId": event.id,
            "functionArn": arn,
            "condition": condition,
            "approximateInvokeCount": event.attempts,
        },
        "requestPayload": _json(payload),
    }
    if result is not None:
        response = {"statusCode": 200, "executedVersion": version.version}
        if result.function_error:
            response["functionError"] = result.function_error
        record["responseContext"] = response
        record["responsePayload"] = _json(result.payload)
    return record


def _to_destination(
    call: WriteCall, target: str, record: dict[str, Any], is_success: bool
) -> Delivery:
    arn = Arn.parse(target)
    text = orjson.dumps(record).decode()
    if arn.service != "events":
        service, operation, given = call_for(target, text)
        account, region = arn.account, arn.region
    else:
        service, operation = "events", "PutEvents"
        outcome = "Success" if is_success else "Failure"
        function_arn = record["requestContext"]["functionArn"]
        account, region = arn.account or call.account, arn.region or call.region
        entry = {
            "EventBusName": arn.resource.rpartition("/")[2],
            "Source": "lambda",
            "DetailType": f"Lambda Function Invocation Result - {outcome}",
            "Resources": [f"arn:aws:events:{region}:{account}:{arn.resource}", function_arn],
            "Detail": text,
        }
        given = {"Entries": [entry]}
    return Delivery(
        service=service,
        operation=operation,
        input=given,
        principal=_PRINCIPAL,
        account=account,
        region=region,
    )


def _to_dead_letters(
    target: str, event: AsyncEvent, result: Result | None, payload: bytes
) -> Delivery:
    """The payload itself, with why it failed as message attributes.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq
    """
    error = _json(result.payload) if result is not None else {}
    message = error.get("errorMessage", "") if isinstance(error, dict) else ""
    facts = {
        "RequestID": ("String", event.id),
        "ErrorCode": ("Number", "200"),
        "ErrorMessage": ("String", str(message)[:1024]),
    }
    attributes = {
        name: {"DataType": kind, "StringValue": value}
        for name, (kind, value) in facts.items()
        if value
    }
    arn = Arn.parse(target)
    service, operation, given = call_for(
        target, payload.decode("utf-8", "replace"), MessageAttributes=attributes
    )
    return Delivery(
        service=service,
        operation=operation,
        input=given,
        principal=_PRINCIPAL,
        account=arn.account,
        region=arn.region,
    )
