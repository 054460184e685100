"""Streams: made, described, listed, deleted.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import read, stream, write
from pileus.services.kinesis import (
    background,
    describing,
    errors,
    model,
    paging,
    resharding,
    store,
    tagging,
)
from pileus.services.kinesis.flow import Flows
from pileus.services.kinesis.limits import LIMITS
from pileus.services.kinesis.model import Stream
from pileus.values.body import Body


@stream
async def create_stream(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> None:
    """Make a stream; it is active at once."""
    name, mode = request["StreamName"], _mode(request) or "PROVISIONED"
    _check_supported(request)
    count = request.get("ShardCount")
    if mode == "PROVISIONED" and count is None:
        raise errors.validation("ShardCount must be specified for streams in PROVISIONED mode.")
    if mode == "ON_DEMAND" and count is not None:
        raise errors.validation("ShardCount cannot be specified for streams in ON_DEMAND mode.")
    tags = dict(request.get("Tags") or {})
    tagging.check_tags(tags, {})

    def step(write: WriteCall) -> None:
        if store.find_stream(write.state, name) is not None:
            raise errors.stream_exists(name, write.account)
        made = Stream(
            name=name,
            id=write.new_id(),
            made_ms=write.now_ms,
            shards=model.first_shards(count or LIMITS.on_demand_shards, write.now_ms),
            mode=mode,
            record_kib_max=request.get("MaxRecordSizeInKiB") or LIMITS.record_kib_default,
            tags=tags,
        )
        resharding.check_shard_limit(write, made)
        if mode == "ON_DEMAND":
            _check_on_demand(write)
        store.put_stream(write.state, made)

    await call.write(step, once=True)
    background.ensure(call)


def _check_supported(request: Mapping[str, Any]) -> None:
    if request.get("RecordDistributionStrategy") == "AUTO":
        raise errors.unsupported("the RecordDistributionStrategy AUTO")
    if request.get("WarmThroughputMiBps"):
        raise errors.unsupported("warm throughput")


def _check_on_demand(call: ReadCall) -> None:
    others = sum(each.mode == "ON_DEMAND" for each in store.streams(call.state))
    if others >= LIMITS.on_demand_streams_max:
        raise errors.limit_exceeded(
            f"Account {call.account} has {others} streams in ON_DEMAND mode, which is the limit."
        )


def _mode(request: Mapping[str, Any]) -> str:
    return str((request.get("StreamModeDetails") or {}).get("StreamMode") or "")


@stream
async def delete_stream(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> None:
    """Delete a stream with all its records."""
    name = store.name_of(request)
    async with resharding.alone(call, name):
        seen = call.read(lambda view: store.find_stream(view.state, name))

        def step(write: WriteCall) -> None:
            store.named_stream(write, name)
            arn = store.stream_arn(write, name)
            if store.consumers(write.state, name) and not request.get("EnforceConsumerDeletion"):
                raise errors.has_consumers(arn)
            write.state.delete(("stream", name))
            write.state.delete_range(("consumer", name))
            for key, _ in write.state.range(("policy",)):
                if key[1] == arn or str(key[1]).startswith(f"{arn}/"):
                    write.state.delete(key)

        await call.write(step, once=True)
        if seen is not None:
            await call.log.delete_topic(seen.topic(call.account, call.region))
            call.own(Flows).forget(call.space, seen.id)


@read
def describe_stream(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A stream with its shards, a page at a time."""
    found = store.stream_of(call, request)
    after, limit = request.get("ExclusiveStartShardId") or "", request.get("Limit")
    shards = [shard for shard in found.shards if shard.id > after]
    shown = shards[: min(limit or LIMITS.describe_shards, LIMITS.describe_shards)]
    return {
        "StreamDescription": {
            **describing.wire_stream(call, found),
            "Shards": [describing.wire_shard(shard) for shard in shown],
            "HasMoreShards": len(shown) < len(shards),
        }
    }


@read
def describe_stream_summary(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A stream without its shards."""
    found = store.stream_of(call, request)
    return {
        "StreamDescriptionSummary": {
            **describing.wire_stream(call, found),
            "OpenShardCount": len(found.open_shards),
            "ConsumerCount": len(store.consumers(call.state, found.name)),
            "MaxRecordSizeInKiB": found.record_kib_max,
        }
    }


@read
def list_streams(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Streams in the order of their names."""
    after = request.get("ExclusiveStartStreamName") or ""
    if request.get("NextToken"):
        what, after = paging.opened(call, request["NextToken"])
        if what != "streams":
            raise errors.invalid_token()
    limit = request.get("Limit") or LIMITS.list_streams
    rows = call.state.range(
        ("stream",), after=("stream", after) if after else None, limit=limit + 1
    )
    found = [store.STREAMS.decode(raw) for _, raw in rows[:limit]]
    output: dict[str, Any] = {
        "StreamNames": [each.name for each in found],
        "HasMoreStreams": len(rows) > limit,
        "StreamSummaries": [_summary(call, each) for each in found],
    }
    if len(rows) > limit:
        output["NextToken"] = paging.sealed(call, "streams", found[-1].name)
    return output


def _summary(call: ReadCall, found: Stream) -> dict[str, Any]:
    shown = describing.wire_stream(call, found)
    members = "StreamName StreamARN StreamStatus StreamModeDetails StreamCreationTimestamp"
    return {member: shown[member] for member in members.split()}


@read
def describe_limits(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """How many shards and streams the account may have, and has."""
    found = store.streams(call.state)
    provisioned = [each for each in found if each.mode == "PROVISIONED"]
    return {
        "ShardLimit": LIMITS.shards_max,
        "OpenShardCount": sum(len(each.open_shards) for each in provisioned),
        "OnDemandStreamCount": len(found) - len(provisioned),
        "OnDemandStreamCountLimit": LIMITS.on_demand_streams_max,
    }


@write
def update_stream_mode(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Change between provisioned and on-demand capacity; the shards stay."""
    found = store.stream_of(call, request)
    if request.get("WarmThroughputMiBps"):
        raise errors.unsupported("warm throughput")
    mode = _mode(request)
    if mode == "ON_DEMAND" and found.mode != mode:
        _check_on_demand(call)
    found.mode = mode
    store.put_stream(call.state, found)
