"""Records that the outbox of another room brings: each lands once, however often it is brought.

The Log is not in the room's transaction. So a delivery first notes, once, where the shard ends; its
record carries a mark of the delivery. A repetition finds the note of an earlier attempt and looks for
the mark from there on, before it puts anything.
"""

from __future__ import annotations

import hashlib
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.services.kinesis.model import Shard, Stream
from pileus.services.kinesis.putting import DELIVERED, MARK_BYTES
from pileus.services.kinesis.reading import ShardLog

_PER_READ = 1000


def mark_of(call: StreamCall) -> bytes:
    """What a record of this call carries; empty for a call that is no delivery."""
    delivery_id = call.context.delivery_id
    if delivery_id is None:
        return b""
    return hashlib.blake2b(delivery_id.encode(), digest_size=MARK_BYTES).digest()


async def earlier(call: StreamCall, stream: Stream, shard: Shard) -> tuple[Shard, str] | None:
    """Where an earlier attempt of this delivery put its record; notes this attempt if it is the
    first."""
    attempt, end = call.new_id(), ShardLog(call, stream, shard).bounds()[1]
    note: list[Any] = [attempt, stream.id, shard.number, end]
    first, stream_id, number, offset = await call.write(lambda _: note, once=True)
    before = stream.shard(number)
    if first == attempt or stream_id != stream.id or before is None:
        return None
    sequence = await _find(call, stream, before, offset)
    return None if sequence is None else (before, sequence)


async def _find(call: StreamCall, stream: Stream, shard: Shard, offset: int) -> str | None:
    """The sequence number of this delivery's record at ``offset`` or later."""
    log, mark = ShardLog(call, stream, shard), mark_of(call)
    while True:
        part = await log.read(offset, _PER_READ)
        for record in part.records:
            if record.key[0] & DELIVERED and record.key[1 : 1 + MARK_BYTES] == mark:
                return shard.sequence(record.offset, record.at_ms)
        if not part.records:
            return None
        offset = part.next
