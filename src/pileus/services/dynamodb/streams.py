"""What happened to a table's items, in the order of commits, for 24 hours.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
A change is written in the transaction that makes it. A stream has one shard, so its order is that of
the whole table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import Call, ReadCall, WriteCall
from pileus.kernel.deliveries import Timer
from pileus.kernel.records import RecordCodec
from pileus.languages.dynamodb.attribute_values import Item, equal
from pileus.services.dynamodb import destinations, errors
from pileus.services.dynamodb.limits import LIMITS
from pileus.services.dynamodb.model import Change, Stream, Table
from pileus.values.keys import Key
from pileus.values.times import iso8601, utc

STREAMS = RecordCodec(Stream)
CHANGES = RecordCodec(Change)
_HOUR_MS = 3_600_000
_PER_STEP = 500
_SEQUENCE_BASE = 10**23
"""Added to make every sequence number as long as the next."""
_OLD_VIEWS = ("OLD_IMAGE", "NEW_AND_OLD_IMAGES")
_NEW_VIEWS = ("NEW_IMAGE", "NEW_AND_OLD_IMAGES")


def sequence_number(number: int) -> str:
    """As clients are told it."""
    return str(_SEQUENCE_BASE + number)


def number_of(sequence: str) -> int | None:
    """The inverse; None for what is no sequence number of ours."""
    if not (sequence.isascii() and sequence.isdigit()):
        return None
    number = int(sequence) - _SEQUENCE_BASE
    return number if 0 <= number < 1 << 63 else None


def wake_key(table: str, label: str) -> Key:
    """Woken when there are changes to read, and when the stream is switched off."""
    return ("change", table, label)


def horizon_ms(now_ms: int) -> int:
    """Changes from before are gone."""
    return now_ms - LIMITS.stream_hours * _HOUR_MS


# --- switched on and off ---------------------------------------------------------------------


def enable(call: WriteCall, table: Table, view: str) -> None:
    """Give the table a new stream. The caller keeps the table."""
    at_ms = call.now_ms
    while call.state.get(("stream", table.name, label := iso8601(at_ms)[:-1])) is not None:
        at_ms += 1
    stream = Stream(
        table=table.name,
        label=label,
        view=view,
        partition=table.partition,
        sort=table.sort,
        made_ms=call.now_ms,
        first=call.sequence(),
        shard=f"shardId-{call.now_ms:020d}-{call.random_bytes(4).hex()}",
    )
    table.stream, table.stream_view, table.latest_stream = label, view, label
    put_stream(call, stream)
    _schedule_trim(call, stream)


def disable(call: WriteCall, table: Table) -> None:
    """Close the table's stream; it can be read for another 24 hours. The caller keeps the table."""
    if not table.stream:
        return
    stream = STREAMS.decode(call.state.get(("stream", table.name, table.stream)))
    stream.closed_ms, stream.last = call.now_ms, call.sequence()
    put_stream(call, stream)
    call.wake(wake_key(stream.table, stream.label))
    table.stream = table.stream_view = ""


def put_stream(call: WriteCall, stream: Stream) -> None:
    call.state.put(("stream", stream.table, stream.label), STREAMS.encode(stream))


def specify_new(call: WriteCall, table: Table, given: Mapping[str, Any] | None) -> None:
    """Do what the StreamSpecification of a new table asks for; raises ValidationException."""
    if given is None:
        return
    view = given.get("StreamViewType")
    if given["StreamEnabled"] and not view:
        raise errors.invalid_parameter(
            "Table is being created with a stream enabled, UpdateViewType is required"
        )
    if not given["StreamEnabled"] and view:
        raise errors.invalid_parameter(
            "Table is being created with a stream disabled, UpdateViewType should not be specified"
        )
    if view:
        enable(call, table, view)


def specify(call: WriteCall, table: Table, given: Mapping[str, Any] | None) -> None:
    """Do what the StreamSpecification of a change asks for; raises ValidationException."""
    if given is None:
        return
    view = given.get("StreamViewType")
    if given["StreamEnabled"]:
        if not view:
            raise errors.invalid_parameter(
                "If stream is being enabled then UpdateViewType is required"
            )
        if table.stream:
            raise errors.invalid(f"Table already has an enabled stream: TableName: {table.name}")
        enable(call, table, view)
        return
    if view:
        raise errors.invalid_parameter(
            "If stream is being disabled, then UpdateViewType must not be specified"
        )
    if not table.stream:
        raise errors.invalid(f"Table has no stream to disable: TableName: {table.name}")
    disable(call, table)


# --- written ----------------------------------------------------------------------------------


def note(
    call: WriteCall, table: Table, old: Item | None, new: Item | None, *, is_expiry: bool = False
) -> None:
    """Write down that ``new`` is where ``old`` was, unless nothing changed."""
    item = new if new is not None else old
    if not (table.stream or table.destinations) or item is None:
        return
    if old is not None and new is not None and equal({"M": old}, {"M": new}):
        return
    change = Change(
        kind="INSERT" if old is None else "REMOVE" if new is None else "MODIFY",
        at_ms=call.now_ms,
        keys={name: item[name] for name in table.key_names},
        old=old,
        new=new,
        is_expiry=is_expiry,
    )
    destinations.forward(call, table, change)
    if not table.stream:
        return
    if table.stream_view not in _OLD_VIEWS:
        change.old = None
    if table.stream_view not in _NEW_VIEWS:
        change.new = None
    key = ("change", table.name, table.stream, call.sequence())
    call.state.put(key, CHANGES.encode(change))
    call.wake(wake_key(table.name, table.stream))


# --- read -------------------------------------------------------------------------------------


def stream_arn(call: Call, stream: Stream) -> str:
    return call.arn(f"table/{stream.table}/stream/{stream.label}", "dynamodb")


def find_stream(call: ReadCall, arn: str) -> Stream:
    """The stream of that ARN; raises ResourceNotFoundException."""
    table, _, label = arn.partition(":table/")[2].partition("/stream/")
    raw = call.state.get(("stream", table, label))
    found = None if raw is None else STREAMS.decode(raw)
    if found is None or stream_arn(call, found) != arn:
        raise errors.stream_not_found(arn)
    return found


def newest(call: ReadCall, stream: Stream) -> int:
    """The number of the last change; that of the stream's start where there is none."""
    rows = call.state.range(("change", stream.table, stream.label), limit=1, reverse=True)
    return int(rows[0][0][3]) if rows else stream.first


def first_at(call: ReadCall, stream: Stream, at_ms: int) -> int:
    """The number after which come the changes of that time and later.

    Numbers are microseconds of the time they were drawn at, or a little more.
    """
    after = max(stream.first, at_ms * 1000 - 1)
    prefix = ("change", stream.table, stream.label)
    rows = call.state.range(prefix, after=(*prefix, after), limit=1)
    while rows and CHANGES.decode(rows[0][1]).at_ms < at_ms:
        after = int(rows[0][0][3])
        rows = call.state.range(prefix, after=(*prefix, after), limit=1)
    return after


def changes(
    call: ReadCall, stream: Stream, after: int, limit: int
) -> tuple[list[dict[str, Any]], int]:
    """Up to ``limit`` records, and a mebibyte, after a number; and the number to go on after."""
    after = max(after, horizon_ms(call.now_ms) * 1000 - 1)
    prefix = ("change", stream.table, stream.label)
    found: list[dict[str, Any]] = []
    size_bytes = 0
    while len(found) < limit:
        rows = call.state.range(
            prefix, after=(*prefix, after), limit=min(_PER_READ, limit - len(found))
        )
        for key, raw in rows:
            size_bytes += len(raw)
            if found and size_bytes > LIMITS.stream_bytes_max:
                return found, after
            after = int(key[3])
            found.append(wire_record(call, stream, after, CHANGES.decode(raw)))
        if len(rows) < _PER_READ:
            break
    return found, after


_PER_READ = 100


def wire_record(call: Call, stream: Stream, number: int, change: Change) -> dict[str, Any]:
    """A ``Record``."""
    told: dict[str, Any] = {
        # Told to the second, as AWS tells it.
        "ApproximateCreationDateTime": utc(change.at_ms // 1000 * 1000),
        "Keys": change.keys,
        "SequenceNumber": sequence_number(number),
        "SizeBytes": change.size_bytes,
        "StreamViewType": stream.view,
    }
    if change.new is not None:
        told["NewImage"] = change.new
    if change.old is not None:
        told["OldImage"] = change.old
    name = f"{stream_arn(call, stream)}/{number}".encode()
    record: dict[str, Any] = {
        "eventID": hashlib.md5(name, usedforsecurity=False).hexdigest(),
        "eventName": change.kind,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": call.region,
        "dynamodb": told,
    }
    if change.is_expiry:
        record["userIdentity"] = {"Type": "Service", "PrincipalId": destinations.EXPIRER}
    return record


# --- trimmed ----------------------------------------------------------------------------------


def _schedule_trim(call: WriteCall, stream: Stream, pause_ms: int = _HOUR_MS) -> None:
    payload = {"table": stream.table, "label": stream.label}
    key, at_ms = f"{stream.table}/{stream.label}", call.now_ms + pause_ms
    call.set_timer(Timer(name="trim_stream", key=key, at_ms=at_ms, payload=payload))


def trim(call: WriteCall, table: str, label: str) -> None:
    """Remove changes of more than 24 hours ago, and a stream that was closed before; runs again."""
    raw = call.state.get(("stream", table, label))
    if raw is None:
        return
    stream = STREAMS.decode(raw)
    before_ms = horizon_ms(call.now_ms)
    prefix = ("change", table, label)
    rows = call.state.range(prefix, stop=(*prefix, before_ms * 1000), limit=_PER_STEP)
    for key, _ in rows:
        call.state.delete(key)
    if len(rows) == _PER_STEP:
        _schedule_trim(call, stream, pause_ms=1000)
    elif stream.closed_ms and stream.closed_ms <= before_ms:
        call.state.delete_range(prefix)
        call.state.delete(("stream", table, label))
    else:
        _schedule_trim(call, stream)
