"""What a checkpoint does: each update of it changes one operation, in one transaction for all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Timer
from pileus.services.lambda_ import errors
from pileus.services.lambda_.durable import history, lives, store
from pileus.services.lambda_.durable.checking import Update, check_against
from pileus.services.lambda_.durable.limits import DURABLE_LIMITS
from pileus.services.lambda_.durable.model import (
    CANCELLED,
    FAILED,
    PENDING,
    STARTED,
    SUCCEEDED,
    Execution,
    Operation,
    Payload,
)
from pileus.services.lambda_.durable.names import callback_id
from pileus.services.lambda_.durable.payloads import error_object

_SECRET_BYTES = 12


class Content(msgspec.Struct, frozen=True):
    """An update's payload and error, stored."""

    payload: Payload | None = None
    error: Payload | None = None

    @property
    def size_bytes(self) -> int:
        return sum(one.size_bytes for one in (self.payload, self.error) if one is not None)


def apply(call: WriteCall, execution: Execution, update: Update, content: Content) -> None:
    """Make one update; the caller stores the execution afterwards.

    Raises:
        ServiceError: InvalidParameterValueException; the whole checkpoint is undone.
    """
    execution.written_bytes += content.size_bytes
    if execution.written_bytes > DURABLE_LIMITS.written_bytes_max:
        raise errors.invalid(
            "The durable execution exceeds the maximum of "
            f"{DURABLE_LIMITS.written_bytes_max} bytes written."
        )
    if update["Type"] == "EXECUTION":
        status = SUCCEEDED if update["Action"] == "SUCCEED" else FAILED
        error = content.error or (error_object("Error", "") if status == FAILED else None)
        lives.end(call, execution, status, content.payload, error)
        return
    known = store.operation_named(call, execution.id, update["Id"])
    parent = None
    if update.get("ParentId"):
        parent = store.operation_named(call, execution.id, update["ParentId"])
    check_against(update, known, parent)
    operation = known or _new(call, execution, update)
    if known is None and update["Action"] != "START":
        # Begun and ended at once: its start is noted as well.
        history.note_operation(call, execution, operation, "Started")
    _ACTIONS[update["Type"]](call, execution, operation, (update, content))


_Given = tuple[Update, Content]


def _new(call: WriteCall, execution: Execution, update: Update) -> Operation:
    # The execution itself is one of them.
    if execution.operation_last + 1 >= DURABLE_LIMITS.operations_max:
        raise errors.invalid(
            "The durable execution exceeds the maximum of "
            f"{DURABLE_LIMITS.operations_max} operations."
        )
    execution.operation_last += 1
    return Operation(
        number=execution.operation_last,
        id=update["Id"],
        type=update["Type"],
        status=STARTED,
        started_ms=call.now_ms,
        name=update.get("Name") or "",
        parent=update.get("ParentId") or "",
        subtype=update.get("SubType") or "",
    )


def _context(call: WriteCall, execution: Execution, operation: Operation, given: _Given) -> None:
    update = given[0]
    options: Mapping[str, Any] = update.get("ContextOptions") or {}
    if options.get("ReplayChildren") is not None:
        operation.replays_children = bool(options["ReplayChildren"])
    if update["Action"] == "START":
        history.note_operation(call, execution, operation, "Started")
    else:
        _close(call, execution, operation, given)
    store.put_operation(call, execution, operation)


def _close(call: WriteCall, execution: Execution, operation: Operation, given: _Given) -> None:
    """A step or context has come to its end."""
    update, content = given
    is_success = update["Action"] == "SUCCEED"
    operation.status = SUCCEEDED if is_success else FAILED
    operation.ended_ms = call.now_ms
    operation.result = content.payload
    operation.error = None if is_success else content.error or error_object("Error", "")
    details = {}
    if operation.type == "STEP":
        operation.attempt += 1
        operation.due_ms = 0
        details["RetryDetails"] = {"CurrentAttempt": operation.attempt}
    payloads = {"Result": operation.result} if is_success else {"Error": operation.error}
    word = "Succeeded" if is_success else "Failed"
    history.note_operation(call, execution, operation, word, payloads, **details)


def _step(call: WriteCall, execution: Execution, operation: Operation, given: _Given) -> None:
    action = given[0]["Action"]
    if action == "START":
        operation.status, operation.due_ms = STARTED, 0
        history.note_operation(call, execution, operation, "Started")
    elif action == "RETRY":
        _retry(call, execution, operation, given)
    else:
        _close(call, execution, operation, given)
    store.put_operation(call, execution, operation)


def _retry(call: WriteCall, execution: Execution, operation: Operation, given: _Given) -> None:
    update, content = given
    delay_s = update["StepOptions"]["NextAttemptDelaySeconds"]
    operation.attempt += 1
    operation.status = PENDING
    operation.due_ms = call.now_ms + delay_s * 1000
    # A step that asks again until something holds keeps what it knows as its payload.
    operation.result, operation.error = content.payload, content.error
    _set_clock(call, execution, operation)
    retry = {"CurrentAttempt": operation.attempt, "NextAttemptDelaySeconds": delay_s}
    has_failed = content.error is not None
    payloads = {"Error": content.error} if has_failed else {"Result": content.payload}
    word = "Failed" if has_failed else "Succeeded"
    history.note_operation(call, execution, operation, word, payloads, RetryDetails=retry)


def _wait(call: WriteCall, execution: Execution, operation: Operation, given: _Given) -> None:
    update, content = given
    if update["Action"] == "CANCEL":
        lives.stop_clocks(call, execution, operation)
        operation.status, operation.ended_ms = CANCELLED, call.now_ms
        history.note_operation(call, execution, operation, "Cancelled", {"Error": content.error})
    else:
        operation.duration_s = update["WaitOptions"]["WaitSeconds"]
        operation.due_ms = call.now_ms + operation.duration_s * 1000
        _set_clock(call, execution, operation)
        history.note_operation(
            call,
            execution,
            operation,
            "Started",
            Duration=operation.duration_s,
            ScheduledEndTimestamp=operation.due_ms,
        )
    store.put_operation(call, execution, operation)


def _callback(call: WriteCall, execution: Execution, operation: Operation, given: _Given) -> None:
    options = given[0].get("CallbackOptions") or {}
    secret = call.random_bytes(_SECRET_BYTES).hex()
    operation.callback_id = callback_id(execution.id, operation.id, secret)
    operation.duration_s = options.get("TimeoutSeconds") or 0
    operation.heartbeat_s = options.get("HeartbeatTimeoutSeconds") or 0
    if operation.duration_s:
        operation.due_ms = call.now_ms + operation.duration_s * 1000
        _set_clock(call, execution, operation)
    if operation.heartbeat_s:
        set_heartbeat(call, execution, operation)
    details: dict[str, Any] = {"CallbackId": operation.callback_id}
    if operation.duration_s:
        details["Timeout"] = operation.duration_s
    if operation.heartbeat_s:
        details["HeartbeatTimeout"] = operation.heartbeat_s
    history.note_operation(call, execution, operation, "Started", **details)
    store.put_operation(call, execution, operation)


def _chained_invoke(
    call: WriteCall, execution: Execution, operation: Operation, given: _Given
) -> None:
    update, content = given
    options = update["ChainedInvokeOptions"]
    operation.target = options["FunctionName"]
    operation.trace = options.get("XAmznTraceId") or execution.trace
    operation.input = content.payload
    store.put_operation(call, execution, operation)
    item = f"{execution.id}/{operation.number}"
    store.put_due(call, store.CHAIN, execution.function, item)


_ACTIONS = {
    "CONTEXT": _context,
    "STEP": _step,
    "WAIT": _wait,
    "CALLBACK": _callback,
    "CHAINED_INVOKE": _chained_invoke,
}


def _set_clock(call: WriteCall, execution: Execution, operation: Operation) -> None:
    _set_timer(call, execution, operation, (lives.OPERATION_DUE, operation.due_ms))


def set_heartbeat(call: WriteCall, execution: Execution, operation: Operation) -> None:
    """Time the callback out unless it is heard of once more; the caller stores the operation."""
    operation.heartbeat_ms = call.now_ms + operation.heartbeat_s * 1000
    _set_timer(call, execution, operation, (lives.HEARTBEAT_DUE, operation.heartbeat_ms))


def _set_timer(
    call: WriteCall, execution: Execution, operation: Operation, when: tuple[str, int]
) -> None:
    name, at_ms = when
    payload = {"execution": execution.id, "number": operation.number}
    key = lives.clock_key(execution, operation)
    call.set_timer(Timer(name=name, key=key, at_ms=at_ms, payload=payload))
