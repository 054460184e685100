"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.rooms import Room
from pileus.values.context import CallContext


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    prefix = f"arn:aws:events:{context.region}:{context.account}:"
    bus = str(input.get("EventBusName") or "default").rpartition("/")[2]
    name = input.get("Rule") or (input.get("Name") if "Rule" in operation else None)
    if name:
        return f"{prefix}rule/{name}" if bus == "default" else f"{prefix}rule/{bus}/{name}"
    return f"{prefix}event-bus/{input.get('Name') or bus}"


ROOM = Room(
    package="pileus.services.events",
    services=("events",),
    uses=("lambda", "sqs", "sns", "states", "kinesis", "events"),
    resource_types=("AWS::Events::Rule", "AWS::Events::EventBus", "AWS::Events::Archive"),
    resource_arn=_resource_arn,
)
