"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from pileus.kernel.rooms import Room
from pileus.values.arns import Arn, is_arn
from pileus.values.context import CallContext

_ARNS = ("StreamARN", "ConsumerARN", "ResourceARN")


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    for member in _ARNS:
        if input.get(member):
            return str(input[member])
    name = input.get("StreamName") or "*"
    return f"arn:aws:kinesis:{context.region}:{context.account}:stream/{name}"


def _owner(context: CallContext, operation: str, input: Mapping[str, Any]) -> CallContext:
    """Whose stream it is, where an ARN tells."""
    for member in _ARNS:
        given = input.get(member)
        if given and is_arn(given):
            arn = Arn.parse(given)
            if (arn.account, arn.region) == (context.account, context.region):
                return context
            return replace(context, account=arn.account, region=arn.region)
    return context


ROOM = Room(
    package="pileus.services.kinesis",
    services=("kinesis",),
    resource_types=(
        "AWS::Kinesis::ResourcePolicy",
        "AWS::Kinesis::Stream",
        "AWS::Kinesis::StreamConsumer",
    ),
    resource_arn=_resource_arn,
    owner=_owner,
    has_background=True,
)
