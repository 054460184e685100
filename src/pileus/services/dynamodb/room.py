"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.rooms import Room
from pileus.values.context import CallContext


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    for member in ("ResourceArn", "StreamArn"):
        if input.get(member):
            return str(input[member])
    if iterator := input.get("ShardIterator"):
        return str(iterator).partition("|")[0]
    name = str(input.get("TableName") or "*").rpartition("/")[2]
    table = f"arn:aws:dynamodb:{context.region}:{context.account}:table/{name}"
    return f"{table}/index/{input['IndexName']}" if input.get("IndexName") else table


ROOM = Room(
    package="pileus.services.dynamodb",
    services=("dynamodb", "dynamodbstreams"),
    uses=("kinesis",),
    resource_types=("AWS::DynamoDB::Table",),
    resource_arn=_resource_arn,
)
