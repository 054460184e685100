"""Shards pushed to registered consumers for five minutes.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_SubscribeToShard.html
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from pileus.kernel.calls import StreamCall
from pileus.ports.log import TopicNotFound
from pileus.ports.state import Space
from pileus.services.kinesis import errors, reading, store
from pileus.services.kinesis.flow import Flows
from pileus.services.kinesis.limits import LIMITS
from pileus.services.kinesis.model import Shard, Stream
from pileus.services.kinesis.reading import Part, ShardLog
from pileus.values.errors import ServiceError

Key = tuple[Space, str, int]
"""A subscription: the room's space, the consumer's ARN, the shard's number."""


class Subscription(msgspec.Struct, frozen=True):
    """One that was taken.

    Attributes:
        place: the stream's name and id and the shard's number.
        told: what it is called in errors.
    """

    key: Key
    number: int
    place: tuple[str, str, int]
    told: str


class _Held(msgspec.Struct):
    number: int
    began_ms: int


class Subscriptions:
    """Which subscription to a shard holds for a consumer; ``call.own(Subscriptions)``."""

    def __init__(self) -> None:
        self._held: dict[Key, _Held] = {}

    def take(self, key: Key, now_ms: int) -> int | None:
        """Begin a subscription, in place of an earlier one; its number.

        None within five seconds of the one before.
        """
        held = self._held.get(key)
        if held is not None and now_ms - held.began_ms < LIMITS.subscription_again_ms:
            return None
        number = held.number + 1 if held is not None else 1
        self._held[key] = _Held(number, now_ms)
        return number

    def holds(self, key: Key, number: int) -> bool:
        """Whether no later subscription has taken over."""
        held = self._held.get(key)
        return held is not None and held.number == number

    def end(self, key: Key, number: int, now_ms: int) -> None:
        """Forget a subscription that is over and may be followed by another at any time."""
        held = self._held.get(key)
        is_old = held is not None and now_ms - held.began_ms >= LIMITS.subscription_again_ms
        if is_old and self.holds(key, number):
            del self._held[key]


async def events(
    call: StreamCall, taken: Subscription, offset: int
) -> AsyncIterator[dict[str, Any]]:
    """``SubscribeToShardEvent`` after event, until the time is up or the shard is at its end."""
    subscriptions, flows = call.own(Subscriptions), call.own(Flows)
    key, number = taken.key, taken.number
    until_ms = call.clock.now_ms() + LIMITS.subscription_ms
    beat_ms = call.clock.now_ms()
    try:
        while True:
            now_ms = call.clock.now_ms()
            if not subscriptions.holds(key, number):
                told = errors.subscribed(taken.told)
                yield {told.code: {"message": told.message}}
                return
            if now_ms >= until_ms:
                return
            try:
                stream, shard = _found(call, taken.place)
                part = await ShardLog(call, stream, shard).read(offset, LIMITS.read_records_max)
            except (ServiceError, TopicNotFound) as problem:
                yield {"ResourceNotFoundException": {"message": str(problem)}}
                return
            offset = part.next
            if part.records or part.is_end or now_ms >= beat_ms:
                beat_ms = now_ms + LIMITS.subscription_beat_ms
                yield {"SubscribeToShardEvent": _event(stream, shard, part)}
                if part.is_end:
                    return
                continue
            await flows.wait(call, (call.space, stream.id, shard.number), min(beat_ms, until_ms))
    finally:
        subscriptions.end(key, number, call.clock.now_ms())


def _found(call: StreamCall, place: tuple[str, str, int]) -> tuple[Stream, Shard]:
    name, stream_id, number = place
    stream = call.read(lambda view: store.named_stream(view, name))
    shard = stream.shard(number)
    if stream.id != stream_id or shard is None:
        raise errors.stream_not_found(name, call.account)
    return stream, shard


def _event(stream: Stream, shard: Shard, part: Part) -> dict[str, Any]:
    if part.records:
        last = part.records[-1]
        continuation = shard.sequence(last.offset, last.at_ms)
    elif part.is_end:
        continuation = shard.last_sequence
    else:
        # The place before the next record; its time does not matter.
        continuation = shard.sequence(part.next - 1, shard.made_s * 1000)
    event: dict[str, Any] = {
        "Records": [reading.wire_record(shard, record) for record in part.records],
        "ContinuationSequenceNumber": continuation,
        "MillisBehindLatest": part.behind_ms,
    }
    if part.is_end:
        event["ChildShards"] = reading.wire_children(stream, shard)
    return event
