"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pileus.kernel.rooms import Room
from pileus.shapes.validation import Violation, violation_error
from pileus.values.context import CallContext
from pileus.values.errors import ServiceError


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    name = str(input.get("logGroupName") or input.get("logGroupIdentifier") or "*")
    if not name.startswith("arn:"):
        name = f"arn:aws:logs:{context.region}:{context.account}:log-group:{name}"
    stream = input.get("logStreamName")
    return f"{name}:log-stream:{stream}" if stream else name


def _invalid_input(service: str, operation: str, violations: Sequence[Violation]) -> ServiceError:
    """Logs says InvalidParameterException where other services say ValidationException."""
    error = violation_error(service, violations)
    if error.code == "ValidationException":
        return ServiceError("InvalidParameterException", error.message)
    return error


ROOM = Room(
    package="pileus.services.logs",
    services=("logs",),
    uses=("lambda", "kinesis", "cloudwatch"),
    resource_types=(
        "AWS::Logs::LogGroup",
        "AWS::Logs::LogStream",
        "AWS::Logs::SubscriptionFilter",
        "AWS::Logs::MetricFilter",
    ),
    resource_arn=_resource_arn,
    invalid_input=_invalid_input,
)
