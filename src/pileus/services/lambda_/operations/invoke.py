"""Invoke. https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import orjson

from pileus.compute.calls import Call as ComputeCall
from pileus.kernel.calls import ReadCall, StreamCall
from pileus.kernel.operations import Reply, stream
from pileus.services.lambda_ import async_invokes, errors, store
from pileus.services.lambda_.async_invokes import AsyncInvokes
from pileus.services.lambda_.limits import LIMITS
from pileus.services.lambda_.model import Alias, Configuration, Function
from pileus.services.lambda_.names import is_version
from pileus.services.lambda_.running import Functions, scope_of
from pileus.values.body import Body


@stream
async def invoke(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Run a function now, later (Event), or not at all (DryRun)."""
    payload = await _payload(call, request, body)
    chance = call.random_bytes(2)
    function, version, qualifier = call.read(lambda view: _found(view, request, chance))
    kind = request.get("InvocationType") or "RequestResponse"
    if kind == "DryRun":
        return Reply({"StatusCode": 204, "ExecutedVersion": version.version}, status=204)
    if kind == "Event":
        context = request.get("ClientContext") or ""
        event = await async_invokes.accept(call, function, qualifier, payload, context)
        call.part(AsyncInvokes).submit(call, event)
        return Reply({"StatusCode": 202}, status=202)
    scope = scope_of(call.account, call.region)
    compute_call = ComputeCall(
        request_id=call.context.request_id or call.new_id(),
        payload=payload,
        invoked_arn=store.arn_of(call, function.name, qualifier),
        trace=call.context.trace,
        client_context=_client_context(request),
    )
    result = await call.part(Functions).invoke(scope, function, version, compute_call)
    output: dict[str, Any] = {
        "StatusCode": 200,
        "ExecutedVersion": version.version,
        "Payload": result.payload,
    }
    if result.function_error:
        output["FunctionError"] = result.function_error
    if request.get("LogType") == "Tail":
        tail = "".join(line.rstrip("\n") + "\n" for line in result.log).encode()
        output["LogResult"] = base64.b64encode(tail[-LIMITS.log_tail_bytes :]).decode()
    return Reply(output)


async def _payload(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> bytes:
    is_async = request.get("InvocationType") == "Event"
    limit = LIMITS.async_payload_bytes_max if is_async else LIMITS.payload_bytes_max
    payload = request.get("Payload") or b""
    if body is not None:
        try:
            payload = await body.read(limit)
        except ValueError:
            raise errors.too_large(limit + 1, limit) from None
    if len(payload) > limit:
        raise errors.too_large(len(payload), limit)
    if not payload:
        return b"{}"
    try:
        orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise errors.invalid_request_content(
            f"Could not parse request body into json: Could not parse payload into json: {error}"
        ) from None
    return bytes(payload)


def _found(
    view: ReadCall, request: Mapping[str, Any], chance: bytes
) -> tuple[Function, Configuration, str]:
    name, qualifier = store.split(request)
    function = store.find_function(view, name, qualifier)
    if qualifier and not is_version(qualifier):
        alias = store.find_alias(view, name, qualifier)
        chosen = _weighted(alias, int.from_bytes(chance, "big") / 65536)
        return function, store.configuration(view, function, chosen), qualifier
    return function, store.configuration(view, function, qualifier), qualifier


def _weighted(alias: Alias, draw: float) -> str:
    """The version a call goes to: a second one gets its share of the calls."""
    for version, weight in alias.weights.items():
        if draw < weight:
            return version
        draw -= weight
    return alias.version


def _client_context(request: Mapping[str, Any]) -> str:
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
