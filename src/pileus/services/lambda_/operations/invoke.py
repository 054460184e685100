"""Invoke. https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import orjson

from pileus.compute.calls import Call as ComputeCall
from pileus.compute.calls import Result
from pileus.kernel.calls import ReadCall, StreamCall
from pileus.kernel.operations import Reply, stream
from pileus.services.lambda_ import async_invokes, errors, store
from pileus.services.lambda_.async_invokes import AsyncInvokes
from pileus.services.lambda_.durable import history
from pileus.services.lambda_.durable.asking import Asked
from pileus.services.lambda_.durable.invoking import DurableExecutions, check_synchronous
from pileus.services.lambda_.limits import LIMITS
from pileus.services.lambda_.model import Configuration, Function
from pileus.services.lambda_.names import is_version
from pileus.services.lambda_.running import Functions, scope_of
from pileus.values.body import Body


@stream
async def invoke(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Run a function now, later (Event), or not at all (DryRun)."""
    kind = request.get("InvocationType") or "RequestResponse"
    payload = await read_payload(kind, request, body)
    function, version, qualifier = choose(call, request)
    if kind == "DryRun":
        return Reply({"StatusCode": 204, "ExecutedVersion": version.version}, status=204)
    name = request.get("DurableExecutionName") or ""
    if version.durable is not None:
        if not qualifier:
            raise errors.unqualified_durable()
        asked = Asked(
            function=function,
            version=version,
            payload=payload,
            name=name,
            is_synchronous=kind == "RequestResponse",
            trace=call.context.trace,
        )
        return await _durable(call, asked)
    if name:
        raise errors.invalid(
            "DurableExecutionName is not valid for a function that is not durable."
        )
    if kind == "Event":
        event = await async_invokes.accept(call, function, qualifier, payload)
        call.part(AsyncInvokes).submit(call, event)
        return Reply({"StatusCode": 202}, status=202)
    compute_call = ComputeCall(
        request_id=call.context.request_id or call.new_id(),
        payload=payload,
        invoked_arn=store.arn_of(call, function.name, qualifier),
        trace=call.context.trace,
        client_context=client_context(request),
    )
    scope = scope_of(call.account, call.region)
    result = await call.part(Functions).invoke_once(scope, function, version, compute_call)
    output: dict[str, Any] = {
        "StatusCode": 200,
        "ExecutedVersion": version.version,
        "Payload": result.payload,
    }
    if result.function_error:
        output["FunctionError"] = result.function_error
    if request.get("LogType") == "Tail":
        output["LogResult"] = log_tail(result)
    return Reply(output)


def log_tail(result: Result) -> str:
    """The end of an invocation's log, as ``LogResult`` has it."""
    tail = "".join(line.rstrip("\n") + "\n" for line in result.log).encode()
    return base64.b64encode(tail[-LIMITS.log_tail_bytes :]).decode()


async def _durable(call: StreamCall, asked: Asked) -> Reply:
    """Begin an execution, or find the one of that name; wait for its end where the caller does."""
    executions = call.part(DurableExecutions)
    if asked.is_synchronous:
        check_synchronous(asked.version)
    execution = await executions.begin(call, asked)
    output: dict[str, Any] = {"DurableExecutionArn": history.arn_of(call, execution)}
    if not asked.is_synchronous:
        return Reply({"StatusCode": 202, **output}, status=202)
    payload, function_error = await executions.outcome(call, execution)
    output |= {"StatusCode": 200, "ExecutedVersion": execution.version, "Payload": payload}
    if function_error:
        output["FunctionError"] = function_error
    return Reply(output)


async def read_payload(kind: str, request: Mapping[str, Any], body: Body | None) -> bytes:
    """The event of a request, checked to be JSON and small enough."""
    limit = LIMITS.async_payload_bytes_max if kind == "Event" else LIMITS.payload_bytes_max
    payload = request.get("Payload") or b""
    if body is not None:
        size_bytes = body.size_bytes
        try:
            payload = await body.read(limit)
        except ValueError:
            raise errors.payload_too_large(size_bytes or limit + 1, kind, limit) from None
    if len(payload) > limit:
        raise errors.payload_too_large(len(payload), kind, limit)
    if not payload:
        return b"{}"
    try:
        orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise errors.invalid_request_content(
            f"Could not parse request body into json: Could not parse payload into json: {error}"
        ) from None
    return bytes(payload)


_Found = tuple[Function, Configuration, str]


def choose(call: StreamCall, request: Mapping[str, Any]) -> _Found:
    """What the call goes to; only an alias leaves that to chance."""
    name, qualifier = store.split(request)
    if qualifier and not is_version(qualifier):
        chance = call.random_bytes(2)
        return call.read(lambda view: _found(view, (name, qualifier), chance))
    return call.recall(("invoke", name, qualifier), lambda view: _found(view, (name, qualifier)))


def _found(view: ReadCall, asked: tuple[str, str], chance: bytes = b"") -> _Found:
    name, qualifier = asked
    function = store.find_function(view, name, qualifier)
    return function, store.chosen(view, function, qualifier, chance), qualifier


def client_context(request: Mapping[str, Any]) -> str:
    """The caller's ClientContext as JSON text; empty without one."""
    given = request.get("ClientContext")
    if not given:
        return ""
    try:
        text = base64.b64decode(given, validate=True).decode()
        orjson.loads(text)
    except (binascii.Error, UnicodeDecodeError, orjson.JSONDecodeError):
        raise errors.invalid_request_content(
            "Client context must be a valid Base64-encoded JSON object."
        ) from None
    return text
