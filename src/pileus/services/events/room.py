"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pileus.kernel.rooms import Room
from pileus.services.events import errors
from pileus.shapes.validation import Violation, violation_error
from pileus.values.context import CallContext
from pileus.values.errors import ServiceError


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    prefix = f"arn:aws:events:{context.region}:{context.account}:"
    bus = str(input.get("EventBusName") or "default").rpartition("/")[2]
    name = input.get("Rule") or (input.get("Name") if "Rule" in operation else None)
    if name:
        return f"{prefix}rule/{name}" if bus == "default" else f"{prefix}rule/{bus}/{name}"
    return f"{prefix}event-bus/{input.get('Name') or bus}"


def _invalid_input(service: str, operation: str, violations: Sequence[Violation]) -> ServiceError:
    """The framework's error; too many entries are shown as the service's Java objects print."""
    first = violations[0]
    if operation != "PutEvents" or first.path != "entries" or first.kind != "max":
        return violation_error(service, violations)
    shown = ", ".join(
        "PutEventsRequestEntry("
        + ", ".join(f"{told}={_java(entry.get(name))}" for told, name in _ENTRY.items())
        + ")"
        for entry in first.value
    )
    return errors.validation(
        f"1 validation error detected: Value '[{shown}]' at 'entries' failed to satisfy "
        f"constraint: {first.constraint}"
    )


_ENTRY = {
    "time": "Time", "source": "Source", "resources": "Resources", "detailType": "DetailType",
    "detail": "Detail", "eventBusName": "EventBusName", "traceHeader": "TraceHeader",
    "kmsKeyIdentifier": "", "internalMetadata": "",
}  # fmt: skip


def _java(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(value)}]"
    return "null" if value is None else str(value)


ROOM = Room(
    package="pileus.services.events",
    services=("events",),
    uses=("lambda", "sqs", "sns", "stepfunctions", "kinesis", "events", "ecs"),
    resource_types=("AWS::Events::Rule", "AWS::Events::EventBus", "AWS::Events::Archive"),
    resource_arn=_resource_arn,
    invalid_input=_invalid_input,
    namespace="AWS/Events",
)
