"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from pileus.kernel.rooms import Room
from pileus.services.sqs import errors, store
from pileus.services.sqs.model import READABLE, SYSTEM_ATTRIBUTES
from pileus.shapes.validation import Violation, violation_message
from pileus.values.context import CallContext
from pileus.values.errors import ServiceError


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    name = input.get("QueueName") or str(input.get("QueueUrl", "*")).rpartition("/")[2]
    return f"arn:aws:sqs:{context.region}:{context.account}:{name}"


def _owner(context: CallContext, operation: str, input: Mapping[str, Any]) -> CallContext:
    """Whose queue it is: its address tells, or QueueOwnerAWSAccountId."""
    account, region = "", ""
    if url := input.get("QueueUrl"):
        account, region = store.owner(url)
    elif operation == "GetQueueUrl":
        account = input.get("QueueOwnerAWSAccountId") or ""
    account, region = account or context.account, region or context.region
    if (account, region) == (context.account, context.region):
        return context
    return replace(context, account=account, region=region)


def _invalid_input(service: str, operation: str, violations: Sequence[Violation]) -> ServiceError:
    first = violations[0]
    if first.kind == "missing":
        name = first.path[:1].upper() + first.path[1:]
        return errors.missing_parameter(name)
    if first.kind == "enum" and "ttribute" in first.path:
        # The keys of a map are checked together: the offending one is whichever SQS lacks.
        names = [first.value] if isinstance(first.value, str) else list(first.value)
        known = SYSTEM_ATTRIBUTES if operation == "ReceiveMessage" else READABLE
        unknown = [name for name in names if name not in known and name != "All"]
        if unknown and first.path != "messageSystemAttributes":
            return errors.invalid_attribute_name(unknown[0])
    return ServiceError("InvalidParameterValue", violation_message(list(violations)))


ROOM = Room(
    package="pileus.services.sqs",
    services=("sqs",),
    resource_types=("AWS::SQS::Queue", "AWS::SQS::QueuePolicy"),
    resource_arn=_resource_arn,
    invalid_input=_invalid_input,
    owner=_owner,
    namespace="AWS/SQS",
)
