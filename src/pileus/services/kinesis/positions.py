"""Where reading begins, as GetShardIterator and SubscribeToShard ask for it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.services.kinesis import errors
from pileus.services.kinesis.model import Shard, Stream, shard_id, shard_number
from pileus.services.kinesis.reading import ShardLog
from pileus.services.kinesis.sequence import LAST_PLACE, parse
from pileus.values.times import epoch_ms


def find_shard(call: StreamCall, stream: Stream, given: str) -> Shard:
    """The shard of that id; raises ResourceNotFoundException."""
    number = shard_number(given)
    found = None if number is None else stream.shard(number)
    if found is None:
        told = given if number is None else shard_id(number)
        raise errors.no_such_shard(told, stream.name, call.account)
    return found


async def start_offset(
    call: StreamCall, stream: Stream, shard: Shard, kind: str, start: str | datetime | None
) -> int:
    """The offset at which to begin.

    Args:
        kind: ``TRIM_HORIZON``, ``LATEST``, ``AT_TIMESTAMP``, ``AT_SEQUENCE_NUMBER`` or
            ``AFTER_SEQUENCE_NUMBER``.
        start: the sequence number or the timestamp, where the kind needs one.

    Raises:
        ServiceError: InvalidArgumentException for a start that is missing or none of this shard.
    """
    log = ShardLog(call, stream, shard)
    if kind == "LATEST":
        return log.bounds()[1]
    if kind == "TRIM_HORIZON":
        return await log.horizon()
    if kind == "AT_TIMESTAMP":
        return await log.first_at(_moment_ms(call, start))
    if start is None:
        raise errors.start_and_kind(kind, "no")
    place = _place(call, stream, shard, str(start))
    if place == LAST_PLACE:
        return log.bounds()[1]
    return place if kind == "AFTER_SEQUENCE_NUMBER" else max(0, place - 1)


def _moment_ms(call: StreamCall, start: Any) -> int:
    if start is None:
        raise errors.invalid("Must specify timestamp parameter for type AT_TIMESTAMP.")
    at_ms, now_ms = moment_ms(start), call.clock.now_ms()
    if at_ms > now_ms:
        raise errors.invalid(
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "
            f"timestampInMillis: {at_ms}, currentTimestampInMillis: {now_ms}"
        )
    return at_ms


def moment_ms(value: datetime | float | str) -> int:
    """A timestamp in either of the forms that callers inside give it in, as epoch milliseconds."""
    return epoch_ms(value) if isinstance(value, datetime) else round(float(value) * 1000)


def _place(call: StreamCall, stream: Stream, shard: Shard, text: str) -> int:
    told = f"shard {shard.id} in stream {stream.name} under account {call.account}"
    found = parse(text)
    if found is None:
        raise errors.bad_sequence(text, told, "")
    if found.shard != shard.number:
        raise errors.sequence_of_other_shard(shard_id(found.shard), shard.id)
    is_known = found.place <= ShardLog(call, stream, shard).bounds()[1]
    if found.made_s != shard.made_s or not (is_known or found.place == LAST_PLACE):
        raise errors.bad_sequence(text, told, " because it did not come from this stream")
    return found.place
