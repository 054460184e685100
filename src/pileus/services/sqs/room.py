"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pileus.kernel.rooms import Room
from pileus.services.sqs import errors
from pileus.services.sqs.model import READABLE
from pileus.shapes.validation import Violation, violation_message
from pileus.values.context import CallContext
from pileus.values.errors import ServiceError


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    name = input.get("QueueName") or str(input.get("QueueUrl", "*")).rpartition("/")[2]
    return f"arn:aws:sqs:{context.region}:{context.account}:{name}"


def _invalid_input(service: str, operation: str, violations: Sequence[Violation]) -> ServiceError:
    first = violations[0]
    if first.kind == "missing":
        name = first.path[:1].upper() + first.path[1:]
        return errors.missing_parameter(name)
    if first.kind == "enum" and "ttribute" in first.path:
        # The keys of a map are checked together: the offending one is whichever SQS lacks.
        names = first.value if isinstance(first.value, Mapping) else [first.value]
        return errors.invalid_attribute_name(next(n for n in names if n not in READABLE))
    return ServiceError("InvalidParameterValue", violation_message(list(violations)))


ROOM = Room(
    package="pileus.services.sqs",
    services=("sqs",),
    resource_types=("AWS::SQS::Queue", "AWS::SQS::QueuePolicy"),
    resource_arn=_resource_arn,
    invalid_input=_invalid_input,
)
