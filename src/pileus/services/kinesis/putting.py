"""Records on their way into shards."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from pileus.kernel.calls import StreamCall
from pileus.ports.log import TopicNotFound
from pileus.services.kinesis import errors, store
from pileus.services.kinesis.flow import Flows
from pileus.services.kinesis.limits import LIMITS
from pileus.services.kinesis.model import HASH_KEYS, Shard, Stream

SEALED, DELIVERED = 1, 2
"""Flags before the partition key of a record: its stream was encrypted then; after them stands the
mark of the delivery that brought it."""
MARK_BYTES = 16


class Entry(msgspec.Struct, frozen=True):
    """A record as a producer gives it, and the shard it belongs to."""

    key: bytes
    data: bytes
    shard: Shard

    @property
    def size_bytes(self) -> int:
        return len(self.key) + len(self.data)


def entry(routes: store.Routes, given: Mapping[str, Any]) -> Entry:
    """The record checked and its shard found; raises InvalidArgument, ValidationException."""
    key, data = given.get("PartitionKey"), given["Data"]
    if key is None:
        raise errors.validation(
            "1 validation error detected: Value null at 'partitionKey' failed to satisfy "
            "constraint: Member must not be null"
        )
    explicit = given.get("ExplicitHashKey")
    if explicit is None:
        hash_key = int.from_bytes(hashlib.md5(key.encode(), usedforsecurity=False).digest(), "big")
    else:
        hash_key = int(explicit)
        if hash_key >= HASH_KEYS:
            raise errors.bad_hash_key(explicit)
    found = Entry(key.encode(), bytes(data), routes.shard_of(hash_key))
    if found.size_bytes > routes.stream.record_kib_max * 1024:
        raise errors.validation(
            "1 validation error detected: Value at 'data' failed to satisfy constraint: Member must "
            f"have length less than or equal to {routes.stream.record_kib_max * 1024}"
        )
    return found


def admit(call: StreamCall, stream: Stream, one: Entry) -> bool:
    """Whether the record's shard can take it now; counts it if so."""
    place = (call.space, stream.id, one.shard.number)
    return call.own(Flows).throughput(place, call.now_ms).admit(one.size_bytes, call.now_ms)


async def append(
    call: StreamCall, stream: Stream, shard: Shard, entries: Sequence[Entry], mark: bytes = b""
) -> list[str]:
    """Sequence numbers of records that are on disk now, in order.

    ``mark`` is that of the delivery that brings them (``deliveries.py``).
    """
    flows, place = call.own(Flows), (call.space, stream.id, shard.number)
    at_ms = flows.throughput(place, call.now_ms).arrival_ms(call.now_ms)
    flags = (SEALED if stream.key else 0) | (DELIVERED if mark else 0)
    head = bytes([flags]) + mark
    records = [(at_ms, head + one.key, one.data) for one in entries]
    topic = stream.topic(call.account, call.region)
    try:
        first = await call.log.append(topic, shard.number, records)
    except TopicNotFound:
        # The first record of a stream, or of shards that were opened since.
        await call.log.create_topic(topic, max(each.number for each in stream.shards) + 1)
        first = await call.log.append(topic, shard.number, records)
    flows.arrived(place)
    return [shard.sequence(first + at, at_ms) for at in range(len(records))]


def check_request_size(entries: Sequence[Entry]) -> None:
    """Raise for records that are too much together."""
    if sum(one.size_bytes for one in entries) > LIMITS.request_bytes_max:
        raise errors.invalid(
            f"Records size exceeds the limit of {LIMITS.request_bytes_max >> 20} MB for a request."
        )
