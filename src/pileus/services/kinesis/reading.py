"""Records on their way out of shards: positions, times, pages."""

from __future__ import annotations

from typing import Any

import msgspec

from pileus.kernel.calls import StreamCall
from pileus.ports.log import OffsetOutOfRange, Record, TopicNotFound
from pileus.services.kinesis.limits import LIMITS
from pileus.services.kinesis.model import Shard, Stream
from pileus.services.kinesis.putting import DELIVERED, MARK_BYTES, SEALED
from pileus.values.times import utc


class Part(msgspec.Struct, frozen=True):
    """Records of a shard from some place on.

    Attributes:
        next: the offset to go on at.
        behind_ms: how far the last of them is behind now; 0 at the tip.
        is_end: the shard is closed, and there is nothing after them.
    """

    records: list[Record]
    next: int
    behind_ms: int
    is_end: bool

    @property
    def size_bytes(self) -> int:
        return sum(len(record.key) + len(record.value) for record in self.records)


class ShardLog:
    """A shard's records in the Log."""

    __slots__ = ("_call", "_shard", "_stream", "_topic")

    def __init__(self, call: StreamCall, stream: Stream, shard: Shard) -> None:
        self._call = call
        self._stream = stream
        self._shard = shard
        self._topic = stream.topic(call.account, call.region)

    def bounds(self) -> tuple[int, int]:
        """The first offset kept and the next one to be written."""
        try:
            first, following = self._call.log.bounds(self._topic, self._shard.number)
        except TopicNotFound:
            return 0, 0  # made with the first record
        return first, following if self._shard.is_open else self._shard.end

    async def first_at(self, at_ms: int) -> int:
        """The offset of the first record of that time or later; the end where there is none."""
        while True:
            low, high = self.bounds()
            try:
                if low < high and (await self._record(low)).at_ms >= at_ms:
                    return low  # the horizon is seldom behind what is kept
                while low < high:
                    middle = (low + high) // 2
                    record = await self._record(middle)
                    if record.at_ms < at_ms:
                        low = middle + 1
                    else:
                        high = middle
                return low
            except OffsetOutOfRange:
                continue  # trimmed meanwhile

    async def horizon(self) -> int:
        """The offset of the oldest record that is not over its retention period."""
        return await self.first_at(self._stream.horizon_ms(self._call.clock.now_ms()))

    async def read(self, offset: int, limit: int) -> Part:
        """Up to ``limit`` records, and 10 MiB, from ``offset`` on."""
        now_ms = self._call.clock.now_ms()
        horizon_ms = self._stream.horizon_ms(now_ms)
        while True:
            first, end = self.bounds()
            offset = min(max(offset, first), end)
            if offset == end:
                return Part([], offset, 0, not self._shard.is_open)
            try:
                found = await self._records(offset, min(limit, end - offset))
            except OffsetOutOfRange:
                continue  # trimmed meanwhile
            if not found or found[0].at_ms >= horizon_ms:
                break
            offset = await self.first_at(horizon_ms)
        following = offset + len(found)
        is_last = following >= end
        behind_ms = 0 if is_last or not found else max(0, now_ms - found[-1].at_ms)
        return Part(found, following, behind_ms, is_last and not self._shard.is_open)

    async def _record(self, offset: int) -> Record:
        return (await self._call.log.read(self._topic, self._shard.number, offset, 1))[0]

    async def _records(self, offset: int, limit: int) -> list[Record]:
        return await self._call.log.read(
            self._topic, self._shard.number, offset, limit, LIMITS.read_bytes_max
        )


def wire_record(shard: Shard, record: Record) -> dict[str, Any]:
    """A ``Record``."""
    flags = record.key[0]
    head_bytes = 1 + (MARK_BYTES if flags & DELIVERED else 0)
    return {
        "SequenceNumber": shard.sequence(record.offset, record.at_ms),
        "ApproximateArrivalTimestamp": utc(record.at_ms),
        "Data": record.value,
        "PartitionKey": record.key[head_bytes:].decode(),
        "EncryptionType": "KMS" if flags & SEALED else "NONE",
    }


def wire_children(stream: Stream, shard: Shard) -> list[dict[str, Any]]:
    """The ``ChildShards`` that are told at the end of a closed shard."""
    by_number = {each.number: each for each in stream.shards}
    return [
        {
            "ShardId": child.id,
            "ParentShards": [by_number[n].id for n in child.parents if n in by_number],
            "HashKeyRange": {"StartingHashKey": child.low, "EndingHashKey": child.high},
        }
        for child in stream.children(shard.number)
    ]
