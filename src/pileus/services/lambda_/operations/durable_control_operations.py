"""Durable executions as their owners see them: look, list, answer, stop, pause, resume, delete.

https://docs.aws.amazon.com/lambda/latest/api/API_GetDurableExecution.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import Reply, read, stream, write
from pileus.services.lambda_ import errors
from pileus.services.lambda_ import store as functions_store
from pileus.services.lambda_.durable import applying, lives, payloads, store, wire
from pileus.services.lambda_.durable.checking import check_error_size
from pileus.services.lambda_.durable.finding import callback, find
from pileus.services.lambda_.durable.limits import DURABLE_LIMITS
from pileus.services.lambda_.durable.model import (
    CLOSED,
    DELETING,
    FAILED,
    OPEN,
    PAUSED,
    PAUSING,
    RUNNING,
    STARTED,
    STOPPED,
    SUCCEEDED,
    Execution,
    HistoryEvent,
    Pause,
    Payload,
)
from pileus.services.lambda_.names import is_version
from pileus.values.body import Body
from pileus.values.times import epoch_ms, utc

_TOKEN_MS = 900_000
"""How long a client token tells a repetition."""


@stream
async def get_durable_execution(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """What became of an execution, or how it stands."""
    execution = call.read(lambda view: find(view, request["DurableExecutionArn"]))
    if request.get("IncludeExecutionData") is False:
        return wire.described(call, execution, None)
    texts = payloads.Texts()
    await texts.load(call, (execution.input, execution.result, execution.error))
    return wire.described(call, execution, texts)


@stream
async def get_durable_execution_history(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """A page of events, in order or the newest first."""
    found, marker = call.read(lambda view: _events(view, request))
    texts = None
    if request.get("IncludeExecutionData") is not False:
        texts = payloads.Texts()
        await texts.load(call, [one for event in found for one in event.payloads.values()])
    output: dict[str, Any] = {"Events": [wire.event_shown(event, texts) for event in found]}
    if marker:
        output["NextMarker"] = marker
    return output


def _events(view: ReadCall, request: Mapping[str, Any]) -> tuple[list[HistoryEvent], str]:
    execution = find(view, request["DurableExecutionArn"])
    wanted = request.get("MaxItems") or DURABLE_LIMITS.page_default
    marker = request.get("Marker") or ""
    if marker and not marker.isdecimal():
        raise errors.invalid("Invalid pagination marker.")
    last, before = int(marker or 0), 0
    if request.get("ReverseOrder"):
        before = last or execution.event_last + 1
    found = store.events(view, execution.id, after=last, before=before, limit=wanted + 1)
    page: list[HistoryEvent] = []
    left_bytes = DURABLE_LIMITS.page_bytes_max
    for event in found[:wanted]:
        left_bytes -= sum(payload.size_bytes for payload in event.payloads.values())
        if page and left_bytes < 0:
            break
        page.append(event)
    return page, str(page[-1].number) if page and len(page) < len(found) else ""


@read
def list_durable_executions_by_function(
    call: ReadCall, request: Mapping[str, Any]
) -> dict[str, Any]:
    """A function's executions, the newest first unless ReverseOrder is set."""
    name, qualifier = functions_store.split(request)
    function = functions_store.find_function(call, name, qualifier)
    version = qualifier
    if qualifier and not is_version(qualifier):
        version = functions_store.configuration(call, function, qualifier).version
    wanted = request.get("MaxItems") or DURABLE_LIMITS.page_default
    marker = request.get("Marker") or ""
    ids = store.list_ids(call, name, is_oldest_first=bool(request.get("ReverseOrder")))
    if marker:
        if marker not in ids:
            raise errors.invalid("Invalid pagination marker.")
        ids = ids[ids.index(marker) + 1 :]
    shown: list[dict[str, Any]] = []
    last = ""
    for execution_id in ids:
        execution = store.find(call, execution_id)
        if execution is None or not _is_wanted(execution, version, request):
            continue
        if len(shown) == wanted:
            return {"DurableExecutions": shown, "NextMarker": last}
        shown.append(wire.summary(call, execution))
        last = execution_id
    return {"DurableExecutions": shown}


def _is_wanted(execution: Execution, version: str, request: Mapping[str, Any]) -> bool:
    after, before = request.get("StartedAfter"), request.get("StartedBefore")
    return (
        version in ("", execution.version)
        and request.get("DurableExecutionName") in (None, execution.name)
        and (not request.get("Statuses") or execution.status in request["Statuses"])
        and (after is None or execution.started_ms > epoch_ms(after))
        and (before is None or execution.started_ms < epoch_ms(before))
    )


# -- callbacks ---------------------------------------------------------------------------------


async def _prepare_result(call: StreamCall, request: Mapping[str, Any]) -> Payload | None:
    execution, _ = call.read(lambda view: callback(view, request["CallbackId"]))
    result = request.get("Result")
    if result is None:
        return None
    return await payloads.stored(call, execution.id, bytes(result))


@write(prepare=_prepare_result)
def send_durable_execution_callback_success(
    call: WriteCall, request: Mapping[str, Any], result: Payload | None
) -> dict[str, Any]:
    """Answer a callback."""
    return _answered(call, request, SUCCEEDED, result)


async def _prepare_error(call: StreamCall, request: Mapping[str, Any]) -> Payload:
    execution, _ = call.read(lambda view: callback(view, request["CallbackId"]))
    error = request.get("Error") or {}
    check_error_size(error)
    return await payloads.stored(call, execution.id, payloads.error_bytes(error))


@write(prepare=_prepare_error)
def send_durable_execution_callback_failure(
    call: WriteCall, request: Mapping[str, Any], error: Payload
) -> dict[str, Any]:
    """Tell that a callback's work failed."""
    return _answered(call, request, FAILED, error)


def _answered(
    call: WriteCall, request: Mapping[str, Any], status: str, payload: Payload | None
) -> dict[str, Any]:
    execution, operation = callback(call, request["CallbackId"])
    result, error = (payload, None) if status == SUCCEEDED else (None, payload)
    if not lives.finish_operation(call, execution, operation, status, result, error):
        raise errors.callback_closed()
    store.put(call, execution)
    return {}


@write
def send_durable_execution_callback_heartbeat(
    call: WriteCall, request: Mapping[str, Any]
) -> dict[str, Any]:
    """Tell that a callback's work goes on."""
    execution, operation = callback(call, request["CallbackId"])
    if execution.status not in OPEN or operation.status != STARTED:
        raise errors.callback_closed()
    if operation.heartbeat_s:
        applying.set_heartbeat(call, execution, operation)
        store.keep_operation(call, execution.id, operation)
    return {}


# -- the owner's will --------------------------------------------------------------------------


async def _prepare_stop(call: StreamCall, request: Mapping[str, Any]) -> Payload:
    execution = call.read(lambda view: find(view, request["DurableExecutionArn"]))
    error = request.get("Error") or {"ErrorMessage": "The execution was stopped."}
    check_error_size(error)
    return await payloads.stored(call, execution.id, payloads.error_bytes(error))


@write(prepare=_prepare_stop)
def stop_durable_execution(
    call: WriteCall, request: Mapping[str, Any], error: Payload
) -> dict[str, Any]:
    """End an execution; one that has ended stays as it is."""
    execution = find(call, request["DurableExecutionArn"])
    if execution.status in OPEN:
        lives.end(call, execution, STOPPED, None, error)
        store.put(call, execution)
    return {"StopTimestamp": utc(execution.ended_ms)}


@write
def pause_durable_execution(call: WriteCall, request: Mapping[str, Any]) -> Reply:
    """Invoke the function no more until the execution is resumed."""
    execution = find(call, request["DurableExecutionArn"])
    if execution.status == RUNNING:
        asked = Pause(
            requested_ms=call.now_ms,
            reason=request.get("Reason") or "",
            stops_timeout=request.get("ExecutionTimeoutPaused") is not False,
            client_token=request.get("ClientToken") or "",
        )
        lives.pause(call, execution, asked)
    elif execution.pause is None or not _is_repeated(
        call, request, (execution.pause.client_token, execution.pause.requested_ms)
    ):
        raise errors.conflict(f"The execution is {execution.status} and cannot be paused.")
    return Reply(status=202)


def _is_repeated(call: WriteCall, request: Mapping[str, Any], earlier: tuple[str, int]) -> bool:
    """Whether this is the request of before once more, as its client token tells."""
    token, at_ms = earlier
    return bool(token) and request.get("ClientToken") == token and call.now_ms < at_ms + _TOKEN_MS


@write
def resume_durable_execution(call: WriteCall, request: Mapping[str, Any]) -> Reply:
    """Let a paused execution go on."""
    execution = find(call, request["DurableExecutionArn"])
    if execution.status in (PAUSING, PAUSED):
        execution.resume_token = request.get("ClientToken") or ""
        lives.resume(call, execution, request.get("Reason") or "")
    elif execution.status != RUNNING or not _is_repeated(
        call, request, (execution.resume_token, execution.resumed_ms)
    ):
        raise errors.conflict(f"The execution is {execution.status} and cannot be resumed.")
    return Reply(status=202)


@write
def delete_durable_execution(call: WriteCall, request: Mapping[str, Any]) -> Reply:
    """Let an ended execution and its data go."""
    execution = find(call, request["DurableExecutionArn"])
    if execution.status not in (*CLOSED, DELETING):
        raise errors.conflict(f"The execution is {execution.status} and cannot be deleted.")
    if execution.status != DELETING:
        lives.remove(call, execution)
    return Reply({"DeletionRequestTimestamp": utc(call.now_ms)}, status=202)
