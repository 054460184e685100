"""GetShardIterator and GetRecords.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.kernel.operations import stream
from pileus.services.kinesis import errors, positions, reading, store, tokens
from pileus.services.kinesis.flow import Flows
from pileus.services.kinesis.limits import LIMITS
from pileus.services.kinesis.model import Shard, Stream
from pileus.services.kinesis.reading import Part, ShardLog
from pileus.services.kinesis.tokens import Cursor
from pileus.values.body import Body
from pileus.values.times import utc


@stream
async def get_shard_iterator(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Where to begin to read a shard; good for five minutes."""
    found = call.read(lambda view: store.stream_of(view, request))
    shard = positions.find_shard(call, found, request["ShardId"])
    kind = request["ShardIteratorType"]
    if kind in ("TRIM_HORIZON", "LATEST") and request.get("StartingSequenceNumber"):
        raise errors.start_and_kind(kind, "also a")
    start = request.get("Timestamp" if kind == "AT_TIMESTAMP" else "StartingSequenceNumber")
    offset = await positions.start_offset(call, found, shard, kind, start)
    if request.get("DryRun"):
        raise errors.dry_run()
    return {"ShardIterator": _iterator(call, found, shard, offset)}


@stream
async def get_records(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """The next records of a shard.

    Rooms of this house may add ``WaitTimeSeconds``, which AWS does not have: the answer comes when
    there are records, the shard was closed or the time is up, and no read throughput is counted.
    """
    cursor = _cursor(call, request["ShardIterator"])
    found, shard = _place(call, cursor)
    if request.get("DryRun"):
        raise errors.dry_run()
    limit = request.get("Limit") or LIMITS.read_records_max
    if call.context.source == "client" or "WaitTimeSeconds" not in request:
        part = await _metered(call, found, shard, cursor.offset, limit)
    else:
        wait_s = min(request["WaitTimeSeconds"], LIMITS.wait_s_max)
        until_ms = call.clock.now_ms() + wait_s * 1000
        found, shard, part = await _awaited(call, cursor, limit, until_ms)
    output: dict[str, Any] = {
        "Records": [reading.wire_record(shard, record) for record in part.records],
        "MillisBehindLatest": part.behind_ms,
    }
    if part.is_end:
        output["ChildShards"] = reading.wire_children(found, shard)
    else:
        output["NextShardIterator"] = _iterator(call, found, shard, part.next)
    return output


async def _metered(call: StreamCall, stream: Stream, shard: Shard, offset: int, limit: int) -> Part:
    place = (call.space, stream.id, shard.number)
    throughput = call.own(Flows).throughput(place, call.now_ms)
    if not throughput.admit_read(call.now_ms):
        raise errors.rate_exceeded(shard.id, stream.name, call.account)
    part = await ShardLog(call, stream, shard).read(offset, limit)
    throughput.read.take(part.size_bytes)
    return part


async def _awaited(
    call: StreamCall, cursor: Cursor, limit: int, until_ms: int
) -> tuple[Stream, Shard, Part]:
    place = (call.space, cursor.id, cursor.shard)
    while True:
        found, shard = _place(call, cursor)
        part = await ShardLog(call, found, shard).read(cursor.offset, limit)
        if part.records or part.is_end or call.clock.now_ms() >= until_ms:
            return found, shard, part
        await call.own(Flows).wait(call, place, until_ms)


def _cursor(call: StreamCall, token: str) -> Cursor:
    cursor = tokens.opened(call, token, Cursor)
    if cursor is None:
        raise errors.invalid_iterator()
    if call.now_ms - cursor.issued_ms > LIMITS.iterator_ms:
        issued, now = (
            utc(at_ms).strftime("%a %b %d %H:%M:%S UTC %Y")
            for at_ms in (cursor.issued_ms, call.now_ms)
        )
        raise errors.iterator_expired(issued, now)
    return cursor


def _place(call: StreamCall, cursor: Cursor) -> tuple[Stream, Shard]:
    """The stream and shard an iterator is of; the stream may have been made anew since."""
    found = call.read(lambda view: store.named_stream(view, cursor.stream))
    shard = found.shard(cursor.shard)
    if found.id != cursor.id:
        raise errors.invalid_iterator()
    if shard is None:
        raise errors.no_such_shard(f"{cursor.shard}", found.name, call.account)
    return found, shard


def _iterator(call: StreamCall, stream: Stream, shard: Shard, offset: int) -> str:
    issued_ms = call.clock.now_ms()
    return tokens.seal(call, Cursor(stream.name, stream.id, shard.number, offset, issued_ms))
