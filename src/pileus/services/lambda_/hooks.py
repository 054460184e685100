"""What timers of this room do: the clocks of durable executions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.services.lambda_.durable import lives, store
from pileus.services.lambda_.durable.model import (
    CLOSED,
    OPEN,
    PENDING,
    READY,
    STARTED,
    SUCCEEDED,
    TIMED_OUT,
    Execution,
    Operation,
)
from pileus.services.lambda_.durable.payloads import error_object


def _timed(call: WriteCall, payload: Mapping[str, Any]) -> tuple[Execution, Operation] | None:
    """What a clock belongs to, as long as the execution goes on."""
    execution = store.find(call, payload["execution"])
    operation = store.operation(call, payload["execution"], payload["number"])
    if execution is None or operation is None or execution.status not in OPEN:
        return None
    return execution, operation


def durable_operation_due(call: WriteCall, payload: Mapping[str, Any]) -> None:
    """A wait is over, a step may be attempted again, a callback was not answered in time."""
    found = _timed(call, payload)
    if found is None:
        return
    execution, operation = found
    if operation.type == "WAIT":
        lives.finish_operation(call, execution, operation, SUCCEEDED)
    elif operation.type == "CALLBACK":
        _time_out(call, execution, operation, "Callback timed out")
    elif operation.status == PENDING:
        operation.status, operation.due_ms = READY, 0
        store.put_operation(call, execution, operation)
        lives.has_news(call, execution)
    store.put(call, execution)


def durable_heartbeat_due(call: WriteCall, payload: Mapping[str, Any]) -> None:
    """Nothing was heard of a callback for too long."""
    found = _timed(call, payload)
    if found is not None and found[1].status == STARTED:
        execution, operation = found
        _time_out(call, execution, operation, "Callback timed out on heartbeat")
        store.put(call, execution)


def _time_out(call: WriteCall, execution: Execution, operation: Operation, message: str) -> None:
    error = error_object("Callback.Timeout", message)
    lives.finish_operation(call, execution, operation, TIMED_OUT, None, error)


def durable_execution_due(call: WriteCall, payload: Mapping[str, Any]) -> None:
    """An execution has taken too long."""
    execution = store.find(call, payload["execution"])
    if execution is None or execution.status not in OPEN:
        return
    message = f"The execution timed out after {execution.timeout_s} seconds."
    lives.end(call, execution, TIMED_OUT, None, error_object("ExecutionTimedOut", message))
    store.put(call, execution)


def durable_retention_due(call: WriteCall, payload: Mapping[str, Any]) -> None:
    """An execution has been remembered for long enough."""
    execution = store.find(call, payload["execution"])
    if execution is not None and execution.status in CLOSED:
        lives.remove(call, execution)
