"""Consumers with a share of their own in what shards can give.

https://docs.aws.amazon.com/streams/latest/dev/enhanced-consumers.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import Reply, read, stream, write
from pileus.services.kinesis import (
    describing,
    errors,
    paging,
    positions,
    store,
    subscribing,
    tagging,
)
from pileus.services.kinesis.limits import LIMITS
from pileus.services.kinesis.model import Consumer
from pileus.services.kinesis.subscribing import Subscriptions
from pileus.values.body import Body


@write
def register_stream_consumer(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Register a consumer; it is active at once."""
    found, name = store.stream_of(call, request), request["ConsumerName"]
    others = store.consumers(call.state, found.name)
    if any(other.name == name for other in others):
        raise errors.consumer_exists(name, found.name, call.account)
    if len(others) >= LIMITS.consumers_max:
        raise errors.limit_exceeded(
            f"Stream {found.name} under account {call.account} has {len(others)} registered "
            "consumers, which is the limit."
        )
    tags = dict(request.get("Tags") or {})
    tagging.check_tags(tags, {})
    made = Consumer(name=name, stream=found.name, made_ms=call.now_ms, tags=tags)
    call.state.put(("consumer", found.name, name), store.CONSUMERS.encode(made))
    return {"Consumer": describing.wire_consumer(call, made)}


@write
def deregister_stream_consumer(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove a consumer."""
    found = store.find_consumer(call, request)
    call.state.delete(("consumer", found.stream, found.name))
    call.state.delete(("policy", store.consumer_arn(call, found)))


@read
def describe_stream_consumer(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """One consumer."""
    found = store.find_consumer(call, request)
    shown = describing.wire_consumer(call, found)
    return {"ConsumerDescription": {**shown, "StreamARN": store.stream_arn(call, found.stream)}}


@read
def list_stream_consumers(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A stream's consumers in the order of their names."""
    found, after = store.stream_of(call, request), ""
    if request.get("NextToken"):
        what, after = paging.opened(call, request["NextToken"])
        if what != f"consumers/{found.name}":
            raise errors.invalid_token()
    limit = request.get("MaxResults") or LIMITS.list_streams
    others = [each for each in store.consumers(call.state, found.name) if each.name > after]
    output: dict[str, Any] = {
        "Consumers": [describing.wire_consumer(call, each) for each in others[:limit]]
    }
    if len(others) > limit:
        output["NextToken"] = paging.sealed(call, f"consumers/{found.name}", others[limit - 1].name)
    return output


@stream
async def subscribe_to_shard(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> Reply:
    """Push a shard's records to a consumer: ``EventStream`` is an async iterator of events."""
    consumer = call.read(lambda view: store.find_consumer(view, request))
    found = call.read(lambda view: store.named_stream(view, consumer.stream))
    shard = positions.find_shard(call, found, request["ShardId"])
    position = request["StartingPosition"]
    kind = position["Type"]
    start = position.get("Timestamp" if kind == "AT_TIMESTAMP" else "SequenceNumber")
    offset = await positions.start_offset(call, found, shard, kind, start)
    if request.get("DryRun"):
        raise errors.dry_run()
    key = (call.space, store.consumer_arn(call, consumer), shard.number)
    number = call.own(Subscriptions).take(key, call.clock.now_ms())
    told = f"{call.account}:{found.name}:{shard.id}:{consumer.name}"
    if number is None:
        raise errors.subscribed(told)
    place = (found.name, found.id, shard.number)
    subscription = subscribing.Subscription(key, number, place, told)
    return Reply({"EventStream": subscribing.events(call, subscription, offset)})
