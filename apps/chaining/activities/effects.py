"""Effects that happen once, although an activity may run more than once."""

from __future__ import annotations

import os
from typing import Any

import boto3

_table = boto3.resource("dynamodb").Table(os.environ["EFFECTS_TABLE"])


def once(order: str, effect: str, value: Any) -> Any:
    """Record an effect under its name, unless it is there, and count the calls; what is recorded.

    One update: the value is set by the first call only, the count by every one.
    """
    answer = _table.update_item(
        Key={"order": order, "effect": effect},
        UpdateExpression="SET #value = if_not_exists(#value, :value) ADD calls :one",
        ExpressionAttributeNames={"#value": "value"},
        ExpressionAttributeValues={":value": value, ":one": 1},
        ReturnValues="ALL_NEW",
    )
    return answer["Attributes"]["value"]
