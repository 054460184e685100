"""ListShards, and what changes shards.

https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-resharding.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import Call, ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import read, stream
from pileus.services.kinesis import describing, errors, model, paging, positions, resharding, store
from pileus.services.kinesis.limits import LIMITS
from pileus.services.kinesis.model import Shard, Stream
from pileus.services.kinesis.resharding import Ends
from pileus.values.body import Body


@read
def list_shards(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A stream's shards, a page at a time; by a filter those of some time only."""
    if request.get("NextToken"):
        for member in ("StreamName", "StreamARN", "ExclusiveStartShardId", "ShardFilter"):
            if request.get(member):
                raise errors.invalid(f"NextToken and {member} cannot be provided together.")
        what, after = paging.opened(call, request["NextToken"])
        kind, _, name = what.partition("/")
        if kind != "shards":
            raise errors.invalid_token()
        found = store.named_stream(call, name)
    else:
        found = store.stream_of(call, request)
        after = request.get("ExclusiveStartShardId") or ""
    shards = _filtered(call, found, request.get("ShardFilter"))
    limit = request.get("MaxResults") or LIMITS.list_shards
    chosen = [shard for shard in shards if shard.id > after]
    output: dict[str, Any] = {"Shards": [describing.wire_shard(s) for s in chosen[:limit]]}
    if len(chosen) > limit:
        output["NextToken"] = paging.sealed(call, f"shards/{found.name}", chosen[limit - 1].id)
    return output


def _filtered(call: ReadCall, found: Stream, given: Mapping[str, Any] | None) -> list[Shard]:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ShardFilter.html"""
    shards = sorted(found.shards, key=lambda shard: shard.number)
    if given is None:
        return shards
    kind = given["Type"]
    if kind == "AFTER_SHARD_ID":
        if not given.get("ShardId"):
            raise errors.invalid("ShardFilter of type AFTER_SHARD_ID needs a ShardId.")
        return [shard for shard in shards if shard.id > given["ShardId"]]
    if kind == "AT_LATEST":
        return [shard for shard in shards if shard.is_open]
    horizon_ms = found.horizon_ms(call.now_ms)
    if kind.endswith("TIMESTAMP"):
        if given.get("Timestamp") is None:
            raise errors.invalid(f"ShardFilter of type {kind} needs a Timestamp.")
        horizon_ms = max(horizon_ms, positions.moment_ms(given["Timestamp"]))
    kept = [shard for shard in shards if shard.is_open or shard.closed_ms > horizon_ms]
    if kind.startswith("FROM"):
        return kept
    if kind == "AT_TRIM_HORIZON":
        # The shards that were open then: none of their parents is kept.
        numbers = {shard.number for shard in kept}
        return [shard for shard in kept if not numbers & set(shard.parents)]
    return [shard for shard in kept if shard.made_ms <= horizon_ms]


@stream
async def split_shard(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> None:
    """Split a shard in two at a hash key."""
    name = store.name_of(request)

    def change(write: WriteCall, found: Stream, ends: Ends) -> None:
        _check_provisioned(write, found, "SplitShard")
        shard = _reshardable(write, found, request["ShardToSplit"])
        at, low, high = int(request["NewStartingHashKey"]), int(shard.low), int(shard.high)
        if at <= low + 1 or at >= high:
            place = f"shard {shard.id} in stream {found.name} under account {write.account}"
            raise errors.bad_split(str(at), place, shard.low, str(high - 1))
        model.split(found, shard, at, ends[shard.number], write.now_ms)

    await resharding.reshard(call, name, change)


@stream
async def merge_shards(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> None:
    """Merge two adjacent shards into one."""
    name = store.name_of(request)

    def change(write: WriteCall, found: Stream, ends: Ends) -> None:
        _check_provisioned(write, found, "MergeShards")
        one = _reshardable(write, found, request["ShardToMerge"])
        other = _reshardable(write, found, request["AdjacentShardToMerge"])
        if int(one.high) + 1 != int(other.low) and int(other.high) + 1 != int(one.low):
            raise errors.not_adjacent(one.id, other.id, found.name, write.account)
        model.merge(found, one, other, ends, write.now_ms)

    await resharding.reshard(call, name, change)


@stream
async def update_shard_count(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Scale a stream to a number of even shards."""
    name, target = store.name_of(request), request["TargetShardCount"]

    def change(write: WriteCall, found: Stream, ends: Ends) -> int:
        _check_provisioned(write, found, "UpdateShardCount")
        count = len(found.open_shards)
        _check_target(found, count, target)
        since_ms = write.now_ms - LIMITS.rescales_ms
        found.rescaled_ms = [at_ms for at_ms in found.rescaled_ms if at_ms > since_ms]
        if len(found.rescaled_ms) >= LIMITS.rescales_max:
            raise errors.limit_exceeded(
                f"Stream {found.name} under account {write.account} can be scaled at most "
                f"{LIMITS.rescales_max} times in a rolling 24-hour period."
            )
        found.rescaled_ms.append(write.now_ms)
        model.rescale(found, target, ends, write.now_ms)
        return count

    count = await resharding.reshard(call, name, change)
    return {
        "StreamName": name,
        "StreamARN": store.stream_arn(call, name),
        "CurrentShardCount": count,
        "TargetShardCount": target,
    }


def _check_target(found: Stream, count: int, target: int) -> None:
    if target == count:
        raise errors.invalid(
            f"Target shard count {target} equals the current shard count of stream {found.name}."
        )
    if target > 2 * count:
        raise errors.limit_exceeded(
            f"UpdateShardCount cannot scale up over double your current open shard count. Current "
            f"open shard count: {count} Target shard count: {target}"
        )
    if target * 2 < count:
        raise errors.limit_exceeded(
            f"UpdateShardCount cannot scale down below half your current open shard count. Current "
            f"open shard count: {count} Target shard count: {target}"
        )


def _check_provisioned(call: Call, found: Stream, operation: str) -> None:
    if found.mode != "PROVISIONED":
        raise errors.on_demand_only(operation, found.name, call.account)


def _reshardable(call: Call, found: Stream, given: str) -> Shard:
    number = model.shard_number(given)
    shard = None if number is None else found.shard(number)
    if shard is None:
        told = given if number is None else model.shard_id(number)
        raise errors.could_not_find_shard(told, found.name, call.account)
    if not shard.is_open:
        raise errors.already_closed(shard.id, found.name, call.account)
    return shard
