"""Streams as their readers see them: the service ``dynamodbstreams``.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB_Streams.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from pileus.kernel.calls import Call, ReadCall, StreamCall
from pileus.kernel.operations import read, stream
from pileus.kernel.tokens import seal, unseal
from pileus.services.dynamodb import errors, schemas, streams
from pileus.services.dynamodb.limits import LIMITS
from pileus.services.dynamodb.model import Stream
from pileus.values.body import Body
from pileus.values.times import epoch_ms, utc


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """A shard iterator: read the stream after ``after``."""

    table: str
    label: str
    after: int
    issued_ms: int


@read
def list_streams(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Streams of a table or of all tables, those that were switched off lately too."""
    prefix: tuple[str, ...] = ("stream",)
    if request.get("TableName"):
        prefix = ("stream", request["TableName"])
    limit = min(request.get("Limit") or LIMITS.stream_list_max, LIMITS.stream_list_max)
    after = None
    if start := request.get("ExclusiveStartStreamArn"):
        table, _, label = str(start).partition(":table/")[2].partition("/stream/")
        after = ("stream", table, label)
    rows = call.state.range(prefix, after=after, limit=limit + 1)
    found = [streams.STREAMS.decode(raw) for _, raw in rows[:limit]]
    output: dict[str, Any] = {
        "Streams": [
            {
                "StreamArn": streams.stream_arn(call, each),
                "TableName": each.table,
                "StreamLabel": each.label,
            }
            for each in found
        ]
    }
    if len(rows) > limit:
        output["LastEvaluatedStreamArn"] = streams.stream_arn(call, found[-1])
    return output


@read
def describe_stream(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A stream and its shard."""
    found = streams.find_stream(call, request["StreamArn"])
    sequences = {"StartingSequenceNumber": streams.sequence_number(found.first)}
    if found.closed_ms:
        sequences["EndingSequenceNumber"] = streams.sequence_number(found.last)
    shards = [{"ShardId": found.shard, "SequenceNumberRange": sequences}]
    given = request.get("ShardFilter") or {}
    if given.get("Type") == "CHILD_SHARDS":
        if given.get("ShardId") != found.shard:
            raise errors.shard_not_found(str(given.get("ShardId")))
        shards = []  # the one shard has no children
    if (request.get("ExclusiveStartShardId") or "") >= found.shard:
        shards = []
    return {
        "StreamDescription": {
            "StreamArn": streams.stream_arn(call, found),
            "StreamLabel": found.label,
            "StreamStatus": "DISABLED" if found.closed_ms else "ENABLED",
            "StreamViewType": found.view,
            "CreationRequestDateTime": utc(found.made_ms),
            "TableName": found.table,
            "KeySchema": schemas.key_schema(found.partition, found.sort),
            "Shards": shards,
        }
    }


@read
def get_shard_iterator(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Where to begin to read; good for fifteen minutes."""
    found = streams.find_stream(call, request["StreamArn"])
    if request["ShardId"] != found.shard:
        raise errors.shard_not_found(request["ShardId"])
    return {"ShardIterator": _iterator(call, found, _start(call, found, request))}


def _start(call: ReadCall, found: Stream, request: Mapping[str, Any]) -> int:
    """The number after which to read."""
    kind = request["ShardIteratorType"]
    if kind == "TRIM_HORIZON":
        return found.first
    if kind == "LATEST":
        return streams.newest(call, found)
    if kind == "AT_TIMESTAMP":
        moment = request.get("Timestamp")
        if moment is None:
            raise errors.invalid_parameter("Timestamp must be specified for type AT_TIMESTAMP")
        is_moment = isinstance(moment, datetime)
        at_ms = epoch_ms(moment) if is_moment else round(float(moment) * 1000)
        return streams.first_at(call, found, at_ms)
    if not request.get("SequenceNumber"):
        raise errors.invalid_parameter(f"SequenceNumber must be specified for type {kind}")
    number = streams.number_of(request["SequenceNumber"])
    last = found.last or streams.newest(call, found)
    if number is None or not found.first <= number <= last:
        raise errors.invalid_parameter(
            f"Invalid SequenceNumber {request['SequenceNumber']} for shard {found.shard}"
        )
    is_start = number == found.first
    if not is_start and number < streams.horizon_ms(call.now_ms) * 1000:
        raise errors.trimmed()
    return number if kind == "AFTER_SEQUENCE_NUMBER" or is_start else number - 1


@stream
async def get_records(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """The next changes of a table.

    Rooms of this house may add ``WaitTimeSeconds``, which AWS does not have: the answer comes when
    there are records, the stream was switched off or the time is up.
    """
    cursor = _cursor(call, request["ShardIterator"])
    limit = request.get("Limit") or LIMITS.stream_records_max
    if limit > LIMITS.stream_records_max:
        raise errors.invalid(
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy "
            f"constraint: Member must have value less than or equal to {LIMITS.stream_records_max}"
        )

    def look(view: ReadCall) -> dict[str, Any]:
        found = streams.find_stream(view, _arn(view, cursor))
        records, after = streams.changes(view, found, cursor.after, limit)
        output: dict[str, Any] = {"Records": records}
        if not found.closed_ms or after < streams.newest(view, found):
            output["NextShardIterator"] = _iterator(view, found, after)
        return output

    def look_for_any(view: ReadCall) -> dict[str, Any] | None:
        output = look(view)
        return output if output["Records"] or "NextShardIterator" not in output else None

    if call.context.source != "client" and request.get("WaitTimeSeconds"):
        wait_s = min(request["WaitTimeSeconds"], LIMITS.stream_wait_s_max)
        key = streams.wake_key(cursor.table, cursor.label)
        output = await call.until(key, call.now_ms + wait_s * 1000, look_for_any)
        if output is not None:
            return output
    return call.read(look)


def _arn(call: Call, cursor: Cursor) -> str:
    return call.arn(f"table/{cursor.table}/stream/{cursor.label}", "dynamodb")


def _iterator(call: Call, found: Stream, after: int) -> str:
    cursor = Cursor(found.table, found.label, after, call.now_ms)
    token = seal(call, msgspec.msgpack.encode(cursor))
    return f"{streams.stream_arn(call, found)}|1|{token}"


def _cursor(call: Call, iterator: str) -> Cursor:
    content = unseal(call, iterator.rpartition("|")[2])
    if content is None:
        raise errors.invalid("Invalid ShardIterator")
    cursor = msgspec.msgpack.decode(content, type=Cursor)
    if call.now_ms - cursor.issued_ms > LIMITS.iterator_ms:
        raise errors.iterator_expired()
    return cursor
