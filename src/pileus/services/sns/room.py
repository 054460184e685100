"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from pileus.kernel.rooms import Room
from pileus.services.sns import errors
from pileus.shapes.validation import Violation, violation_message
from pileus.values.arns import Arn
from pileus.values.context import CallContext
from pileus.values.errors import ServiceError


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    for name in ("TopicArn", "TargetArn", "SubscriptionArn", "ResourceArn"):
        if input.get(name):
            return str(input[name])
    return f"arn:aws:sns:{context.region}:{context.account}:{input.get('Name', '*')}"


def _owner(context: CallContext, operation: str, input: Mapping[str, Any]) -> CallContext:
    """Whose topic it is: its ARN tells. A topic of another region is not answered for."""
    for name in ("TopicArn", "TargetArn", "SubscriptionArn", "ResourceArn"):
        try:
            arn = Arn.parse(input.get(name) or "")
        except ValueError:
            continue
        if arn.service != "sns" or not arn.account:
            continue
        if arn.region != context.region:
            raise errors.invalid(name)
        if arn.account != context.account:
            return replace(context, account=arn.account)
    return context


def _invalid_input(service: str, operation: str, violations: Sequence[Violation]) -> ServiceError:
    first = violations[0]
    if first.kind == "missing":
        name = first.path[:1].upper() + first.path[1:]
        return errors.invalid(f"{name} Reason: no value for required parameter")
    return ServiceError("ValidationError", violation_message(list(violations)))


ROOM = Room(
    package="pileus.services.sns",
    services=("sns",),
    uses=("sqs", "lambda", "pinpoint-sms-voice-v2"),
    resource_types=("AWS::SNS::Topic", "AWS::SNS::Subscription", "AWS::SNS::TopicPolicy"),
    resource_arn=_resource_arn,
    invalid_input=_invalid_input,
    owner=_owner,
)
