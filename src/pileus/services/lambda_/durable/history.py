"""What is noted of an execution, and who else is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import Call, WriteCall
from pileus.kernel.deliveries import Delivery
from pileus.services.lambda_.durable import store
from pileus.services.lambda_.durable.model import Execution, HistoryEvent, Operation, Payload
from pileus.services.lambda_.durable.names import ExecutionName, execution_arn
from pileus.services.lambda_.names import function_arn
from pileus.values.times import iso8601

_PRINCIPAL = "service:lambda.amazonaws.com"


def arn_of(call: Call, execution: Execution) -> str:
    """The execution's ARN."""
    return execution_arn(
        ExecutionName(
            call.account,
            call.region,
            execution.function,
            execution.version,
            execution.name,
            execution.id,
        )
    )


def function_arn_of(call: Call, execution: Execution) -> str:
    """The ARN of the function's version that it runs on."""
    return function_arn(call.region, call.account, execution.function, execution.version)


def note(
    call: WriteCall,
    execution: Execution,
    kind: str,
    details: Mapping[str, Any] | None = None,
    payloads: Mapping[str, Payload | None] | None = None,
) -> None:
    """Add an event about the execution; the caller stores the execution afterwards."""
    given = {name: payload for name, payload in (payloads or {}).items() if payload is not None}
    event = HistoryEvent(
        number=0, type=kind, at_ms=call.now_ms, details=dict(details or {}), payloads=given
    )
    if kind.startswith("Execution"):
        event.operation, event.name = execution.id, execution.name
    store.add_event(call, execution, event)


def note_operation(
    call: WriteCall,
    execution: Execution,
    operation: Operation,
    what: str,
    payloads: Mapping[str, Payload | None] | None = None,
    **details: Any,
) -> None:
    """Add an event about an operation: ``StepStarted`` where ``what`` is ``Started``."""
    given = {name: payload for name, payload in (payloads or {}).items() if payload is not None}
    event = HistoryEvent(
        number=0,
        type=_WORDS[operation.type] + what,
        at_ms=call.now_ms,
        operation=operation.id,
        name=operation.name,
        parent=operation.parent,
        subtype=operation.subtype,
        details=details,
        payloads=given,
    )
    store.add_event(call, execution, event)


_WORDS = {
    "CONTEXT": "Context",
    "STEP": "Step",
    "WAIT": "Wait",
    "CALLBACK": "Callback",
    "CHAINED_INVOKE": "ChainedInvoke",
}


def tell_status(call: WriteCall, execution: Execution) -> None:
    """Tell EventBridge that the status changed, and keep in mind whether it is ``RUNNING``.

    https://docs.aws.amazon.com/lambda/latest/dg/durable-monitoring.html
    """
    store.set_active(call, execution)
    if not call.serves("events"):
        return
    detail = {
        "durableExecutionArn": arn_of(call, execution),
        "durableExecutionName": execution.name,
        "functionArn": function_arn_of(call, execution),
        "status": execution.status,
        "startTimestamp": iso8601(execution.started_ms),
    }
    if execution.ended_ms:
        detail["endTimestamp"] = iso8601(execution.ended_ms)
    entry = {
        "Source": "aws.lambda",
        "DetailType": "Durable Execution Status Change",
        "Detail": orjson.dumps(detail).decode(),
        "Resources": [],
    }
    call.emit(
        Delivery(
            service="events",
            operation="PutEvents",
            input={"Entries": [entry]},
            principal=_PRINCIPAL,
            ordering_key=f"durable {execution.id}",
        )
    )
