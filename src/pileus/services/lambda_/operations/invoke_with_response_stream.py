"""InvokeWithResponseStream: an answer sent while it is being made.

https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import Any

from pileus.compute.calls import Call as ComputeCall
from pileus.compute.calls import Result
from pileus.compute.response_parts import ResponseParts
from pileus.kernel.calls import StreamCall
from pileus.kernel.operations import Reply, stream
from pileus.services.lambda_ import errors, store
from pileus.services.lambda_.limits import LIMITS
from pileus.services.lambda_.operations.invoke import (
    choose,
    client_context,
    log_tail,
    read_payload,
)
from pileus.services.lambda_.running import Functions, scope_of
from pileus.values.body import Body

_TOO_LONG = "Function.ResponseSizeTooLarge"


@stream
async def invoke_with_response_stream(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> Reply:
    """Run a function and pass its answer on as it comes.

    A function that does not stream answers in one piece at its end. It runs to its end also when
    the caller goes away.
    """
    payload = await read_payload("RequestResponse", request, body)
    function, version, qualifier = choose(call, request)
    told = {"StatusCode": 200, "ExecutedVersion": version.version}
    if version.durable is not None:
        raise errors.invalid("Durable functions do not support response streaming.")
    if request.get("InvocationType") == "DryRun":
        return Reply({**told, "StatusCode": 204, "EventStream": _nothing()}, status=204)
    parts = ResponseParts()
    compute_call = ComputeCall(
        request_id=call.context.request_id or call.new_id(),
        payload=payload,
        invoked_arn=store.arn_of(call, function.name, qualifier),
        trace=call.context.trace,
        client_context=client_context(request),
        take_part=parts.take,
    )
    scope = scope_of(call.account, call.region)
    running = _Running(call.part(Functions).invoke(scope, function, version, compute_call), parts)
    call.spawn(f"streamed answer of {function.name}", running.watch())
    await parts.begun()
    running.raise_refusal()
    output = {**told, "EventStream": _events(running, request.get("LogType") == "Tail")}
    if parts.content_type:
        output["ResponseStreamContentType"] = parts.content_type
    return Reply(output)


class _Running:
    """An invocation that goes on beside whoever listens; ``outcome`` is its task."""

    def __init__(self, work: Coroutine[Any, Any, Result], parts: ResponseParts) -> None:
        self.parts = parts
        self.outcome: asyncio.Task[Result] = asyncio.create_task(work)
        self.outcome.add_done_callback(lambda _: parts.end())

    async def watch(self) -> None:
        """Wait for its end; when the platform ends first, it is broken off."""
        try:
            await asyncio.wait((self.outcome,))
        finally:
            self.outcome.cancel()

    def raise_refusal(self) -> None:
        """Raise what kept the function from running at all, before anything was answered."""
        if self.outcome.done() and self.outcome.exception() is not None:
            self.outcome.result()


async def _events(running: _Running, has_log: bool) -> AsyncIterator[Mapping[str, Any]]:
    size_bytes = 0
    async for chunk in running.parts.chunks():
        size_bytes += len(chunk)
        if size_bytes > LIMITS.stream_bytes_max:
            detail = f"Response payload size exceeded {LIMITS.stream_bytes_max} bytes."
            yield {"InvokeComplete": {"ErrorCode": _TOO_LONG, "ErrorDetails": detail}}
            return
        yield {"PayloadChunk": {"Payload": chunk}}
    result = await running.outcome
    complete: dict[str, Any] = {}
    if result.function_error:
        complete["ErrorCode"] = result.function_error
        complete["ErrorDetails"] = result.payload.decode("utf-8", "replace")
    elif result.payload:
        yield {"PayloadChunk": {"Payload": result.payload}}
    if has_log:
        complete["LogResult"] = log_tail(result)
    yield {"InvokeComplete": complete}


async def _nothing() -> AsyncIterator[Mapping[str, Any]]:
    return
    yield  # an iterator, though an empty one
