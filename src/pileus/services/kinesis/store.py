"""Where streams lie; their records are in the Log.

``stream, name``          Stream with its shards
``consumer, stream, name``  Consumer
``policy, arn``           a resource policy, as text
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

import msgspec

from pileus.kernel.calls import Call, ReadCall, StreamCall
from pileus.kernel.records import RecordCodec
from pileus.services.kinesis import errors
from pileus.services.kinesis.model import Consumer, Shard, Stream

STREAMS = RecordCodec(Stream)
CONSUMERS = RecordCodec(Consumer)


def name_of(request: Mapping[str, Any]) -> str:
    """The stream a request is about, by name or by ARN."""
    arn, name = request.get("StreamARN"), request.get("StreamName")
    if arn:
        named = str(arn).partition(":stream/")[2].partition("/")[0]
        if name and name != named:
            raise errors.invalid(f"StreamARN {arn} and StreamName {name} are of different streams.")
        return named
    if not name:
        raise errors.no_stream_named()
    return str(name)


def find_stream(state: Any, name: str) -> Stream | None:
    raw = state.get(("stream", name))
    return None if raw is None else STREAMS.decode(raw)


def stream_of(call: ReadCall, request: Mapping[str, Any]) -> Stream:
    """The stream a request is about; raises ResourceNotFoundException."""
    return named_stream(call, name_of(request))


def named_stream(call: ReadCall, name: str) -> Stream:
    """The stream of that name; raises ResourceNotFoundException."""
    found = find_stream(call.state, name)
    if found is None:
        raise errors.stream_not_found(name, call.account)
    return found


def put_stream(state: Any, stream: Stream) -> None:
    state.put(("stream", stream.name), STREAMS.encode(stream))


def streams(state: Any) -> list[Stream]:
    """Every stream in the order of names."""
    return [STREAMS.decode(raw) for _, raw in state.range(("stream",))]


def stream_arn(call: Call, name: str) -> str:
    return call.arn(f"stream/{name}", "kinesis")


def consumer_arn(call: Call, consumer: Consumer) -> str:
    made_s = consumer.made_ms // 1000
    return f"{stream_arn(call, consumer.stream)}/consumer/{consumer.name}:{made_s}"


def find_consumer(call: ReadCall, request: Mapping[str, Any]) -> Consumer:
    """By ARN, or by the ARN of its stream and its name; raises ResourceNotFoundException."""
    arn = request.get("ConsumerARN")
    if arn:
        stream, _, rest = str(arn).partition(":stream/")[2].partition("/consumer/")
        name = rest.partition(":")[0]
    else:
        stream, name = name_of(request), request.get("ConsumerName") or ""
        named_stream(call, stream)
        if not name:
            raise errors.invalid("ConsumerARN, or StreamARN and ConsumerName, must be given.")
    raw = call.state.get(("consumer", stream, name))
    found = None if raw is None else CONSUMERS.decode(raw)
    if found is None or (arn and consumer_arn(call, found) != arn):
        told = arn or f"{stream_arn(call, stream)}/consumer/{name}"
        raise errors.consumer_not_found(str(told), call.account)
    return found


def consumers(state: Any, stream: str) -> list[Consumer]:
    return [CONSUMERS.decode(raw) for _, raw in state.range(("consumer", stream))]


class Routes(msgspec.Struct, frozen=True):
    """A stream with its open shards in the order of their hash keys. Nobody changes it."""

    stream: Stream
    shards: list[Shard]
    lows: list[int]

    def shard_of(self, hash_key: int) -> Shard:
        return self.shards[bisect_right(self.lows, hash_key) - 1]


def routes(call: StreamCall, name: str) -> Routes:
    """Where records go; looked for again only after something was committed."""

    def look(view: ReadCall) -> Routes:
        stream = named_stream(view, name)
        shards = sorted(stream.open_shards, key=lambda shard: int(shard.low))
        return Routes(stream, shards, [int(shard.low) for shard in shards])

    return call.recall(("routes", name), look)
