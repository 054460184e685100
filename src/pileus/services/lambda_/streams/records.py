"""Records as functions and filters see them.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from __future__ import annotations

import base64
from collections.abc import Mapping as Dictionary
from datetime import datetime
from typing import Any

import orjson

from pileus.services.lambda_.streams.model import Record
from pileus.values.times import epoch_ms


def kinesis_record(
    given: Dictionary[str, Any], shard: str, stream: str, region: str, role: str
) -> Record:
    """A record of a data stream."""
    at_ms = epoch_ms(given["ApproximateArrivalTimestamp"])
    body = {
        "kinesisSchemaVersion": "1.0",
        "partitionKey": given["PartitionKey"],
        "sequenceNumber": given["SequenceNumber"],
        "data": base64.b64encode(given["Data"]).decode(),
        "approximateArrivalTimestamp": at_ms / 1000,
    }
    event = {
        "kinesis": body,
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard}:{given['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": role,
        "awsRegion": region,
        "eventSourceARN": stream,
    }
    content = {**body, "data": _parsed(given["Data"])}
    return Record(
        sequence=given["SequenceNumber"],
        key=given["PartitionKey"],
        at_ms=at_ms,
        event=event,
        filtered={**event, **content, "kinesis": content},
        size_bytes=len(orjson.dumps(event)),
    )


def _parsed(data: bytes) -> Any:
    """The JSON that a pattern is matched with; other data matches no pattern of its content."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None


def table_record(given: Dictionary[str, Any], stream: str) -> Record:
    """A change of a table, which comes in nearly the form that functions get."""
    change = dict(given["dynamodb"])
    at_ms = epoch_ms(change["ApproximateCreationDateTime"])
    told = {name: _plain(value) for name, value in change.items()}
    event = {**given, "dynamodb": told, "eventSourceARN": stream}
    if identity := given.get("userIdentity"):
        event["userIdentity"] = {"type": identity["Type"], "principalId": identity["PrincipalId"]}
    key = orjson.dumps(told["Keys"], option=orjson.OPT_SORT_KEYS).decode()
    return Record(
        sequence=change["SequenceNumber"],
        key=key,
        at_ms=at_ms,
        event=event,
        filtered=event,
        size_bytes=len(orjson.dumps(event)),
    )


def _plain(value: Any) -> Any:
    """Blobs as base64, times as seconds."""
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return epoch_ms(value) / 1000
    if isinstance(value, Dictionary):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
