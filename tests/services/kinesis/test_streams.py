"""Streams and shards: made, described, listed, split, merged, scaled, set up."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError
from pileus.values.times import utc

ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
LAST = str((1 << 128) - 1)
HALF = str(1 << 127)


@pytest.fixture
async def stream(memory_platform: MemoryPlatform) -> MemoryPlatform:
    """Stream ``s`` with two shards."""
    await memory_platform("kinesis", "CreateStream", StreamName="s", ShardCount=2)
    return memory_platform


async def refused(platform: MemoryPlatform, operation: str, **given: Any) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        await platform("kinesis", operation, **given)
    return caught.value


async def shards(platform: MemoryPlatform, **given: Any) -> list[dict[str, Any]]:
    given = given or {"StreamName": "s"}
    found: list[dict[str, Any]] = (await platform("kinesis", "ListShards", **given))["Shards"]
    return found


def ranges(found: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """Hash key ranges of the open ones, in order."""
    return sorted(
        (int(s["HashKeyRange"]["StartingHashKey"]), int(s["HashKeyRange"]["EndingHashKey"]))
        for s in found
        if "EndingSequenceNumber" not in s["SequenceNumberRange"]
    )


async def test_a_stream_is_described(stream: MemoryPlatform) -> None:
    shown = (await stream("kinesis", "DescribeStream", StreamName="s"))["StreamDescription"]
    assert shown["StreamARN"] == ARN
    assert shown["StreamStatus"] == "ACTIVE"
    assert shown["RetentionPeriodHours"] == 24
    assert shown["EncryptionType"] == "NONE"
    assert shown["HasMoreShards"] is False
    assert [s["ShardId"] for s in shown["Shards"]] == [
        "shardId-000000000000",
        "shardId-000000000001",
    ]
    assert shown["Shards"][0]["HashKeyRange"] == {
        "StartingHashKey": "0",
        "EndingHashKey": str(int(HALF) - 1),
    }
    assert shown["Shards"][1]["HashKeyRange"]["EndingHashKey"] == LAST
    first = shown["Shards"][0]["SequenceNumberRange"]["StartingSequenceNumber"]
    assert len(first) == 56 and first.startswith("49")
    summary = await stream("kinesis", "DescribeStreamSummary", StreamARN=ARN)
    assert summary["StreamDescriptionSummary"]["OpenShardCount"] == 2
    limits = await stream("kinesis", "DescribeLimits")
    assert (limits["OpenShardCount"], limits["OnDemandStreamCount"]) == (2, 0)


async def test_names_are_unique_and_what_is_gone_is_gone(stream: MemoryPlatform) -> None:
    error = await refused(stream, "CreateStream", StreamName="s", ShardCount=1)
    assert (error.code, error.message) == (
        "ResourceInUseException",
        "Stream s under account 000000000000 already exists.",
    )
    await stream("kinesis", "DeleteStream", StreamName="s")
    for operation in ("DescribeStream", "DeleteStream", "ListShards"):
        error = await refused(stream, operation, StreamName="s")
        assert (error.code, error.message) == (
            "ResourceNotFoundException",
            "Stream s under account 000000000000 not found.",
        )
    assert stream.kernel.log.topics() == {}


async def test_the_mode_decides_who_says_the_number_of_shards(
    memory_platform: MemoryPlatform,
) -> None:
    on_demand = {"StreamMode": "ON_DEMAND"}
    assert (await refused(memory_platform, "CreateStream", StreamName="s")).code == (
        "ValidationException"
    )
    await memory_platform(
        "kinesis", "CreateStream", StreamName="s", StreamModeDetails=on_demand, Tags={"a": "b"}
    )
    assert len(await shards(memory_platform)) == 4
    given = {"ShardToSplit": "shardId-000000000000", "NewStartingHashKey": "99"}
    error = await refused(memory_platform, "SplitShard", StreamName="s", **given)
    assert error.code == "ValidationException"
    mode = {"StreamMode": "PROVISIONED"}
    await memory_platform("kinesis", "UpdateStreamMode", StreamARN=ARN, StreamModeDetails=mode)
    await memory_platform("kinesis", "SplitShard", StreamName="s", **given)
    assert len(await shards(memory_platform)) == 6


async def test_streams_are_listed_by_pages(memory_platform: MemoryPlatform) -> None:
    for name in ("b", "a", "c"):
        await memory_platform("kinesis", "CreateStream", StreamName=name, ShardCount=1)
    page = await memory_platform("kinesis", "ListStreams", Limit=2)
    assert (page["StreamNames"], page["HasMoreStreams"]) == (["a", "b"], True)
    assert page["StreamSummaries"][0]["StreamARN"].endswith("stream/a")
    rest = await memory_platform("kinesis", "ListStreams", NextToken=page["NextToken"])
    assert (rest["StreamNames"], rest["HasMoreStreams"]) == (["c"], False)
    await memory_platform.clock.advance(300_001)
    error = await refused(memory_platform, "ListStreams", NextToken=page["NextToken"])
    assert error.code == "ExpiredNextTokenException"
    error = await refused(memory_platform, "ListStreams", NextToken="AAAA")
    assert error.code == "InvalidArgumentException"


async def test_shards_are_listed_by_pages(stream: MemoryPlatform) -> None:
    page = await stream("kinesis", "ListShards", StreamName="s", MaxResults=1)
    assert [s["ShardId"][-1] for s in page["Shards"]] == ["0"]
    error = await refused(stream, "ListShards", StreamName="s", NextToken=page["NextToken"])
    assert error.message == "NextToken and StreamName cannot be provided together."
    rest = await stream("kinesis", "ListShards", NextToken=page["NextToken"])
    assert [s["ShardId"][-1] for s in rest["Shards"]] == ["1"] and "NextToken" not in rest
    after = await shards(stream, StreamName="s", ExclusiveStartShardId="shardId-000000000000")
    assert [s["ShardId"][-1] for s in after] == ["1"]


async def test_a_split_shard_is_closed_and_has_two_children(stream: MemoryPlatform) -> None:
    at = str(1 << 126)
    given = {"ShardToSplit": "shardId-000000000000", "NewStartingHashKey": at}
    await stream("kinesis", "SplitShard", StreamName="s", **given)
    old, _, low, high = await shards(stream)
    assert (
        old["SequenceNumberRange"]["EndingSequenceNumber"]
        > (old["SequenceNumberRange"]["StartingSequenceNumber"])
    )
    assert low["HashKeyRange"] == {"StartingHashKey": "0", "EndingHashKey": str(int(at) - 1)}
    assert high["HashKeyRange"] == {"StartingHashKey": at, "EndingHashKey": str(int(HALF) - 1)}
    for child in (low, high):
        assert child["ParentShardId"] == "shardId-000000000000"
        assert "AdjacentParentShardId" not in child
        assert int(child["SequenceNumberRange"]["StartingSequenceNumber"]) > int(
            old["SequenceNumberRange"]["EndingSequenceNumber"]
        )
    error = await refused(stream, "SplitShard", StreamName="s", **given)
    assert error.message == (
        "Shard shardId-000000000000 in stream s under account 000000000000 has already been merged "
        "or split, and thus is not eligible for merging or splitting."
    )
    given = {"ShardToSplit": "shardId-000000000002", "NewStartingHashKey": "1"}
    error = await refused(stream, "SplitShard", StreamName="s", **given)
    assert error.message.startswith(
        "NewStartingHashKey 1 used in SplitShard() on shard shardId-000000000002 in stream s under "
        "account 000000000000 is not both greater than one plus the shard's StartingHashKey 0 and "
    )
    given = {"ShardToSplit": "shardId-000000000009", "NewStartingHashKey": "9"}
    error = await refused(stream, "SplitShard", StreamName="s", **given)
    assert error.message == (
        "Could not find shard shardId-000000000009 in stream s under account 000000000000."
    )


async def test_adjacent_shards_are_merged(stream: MemoryPlatform) -> None:
    given = {"ShardToSplit": "shardId-000000000000", "NewStartingHashKey": "1000"}
    await stream("kinesis", "SplitShard", StreamName="s", **given)
    pair = {"ShardToMerge": "shardId-000000000001", "AdjacentShardToMerge": "shardId-000000000002"}
    error = await refused(stream, "MergeShards", StreamName="s", **pair)
    assert error.message.endswith("are not an adjacent pair of shards eligible for merging")
    pair["AdjacentShardToMerge"] = "shardId-000000000003"
    await stream("kinesis", "MergeShards", StreamName="s", **pair)
    merged = (await shards(stream))[-1]
    assert merged["HashKeyRange"] == {"StartingHashKey": "1000", "EndingHashKey": LAST}
    assert (merged["ParentShardId"], merged["AdjacentParentShardId"]) == (
        "shardId-000000000001",
        "shardId-000000000003",
    )


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 3), (5, 3), (3, 5), (7, 4), (4, 8)])
async def test_a_scaled_stream_has_even_shards(
    memory_platform: MemoryPlatform, before: int, after: int
) -> None:
    await memory_platform("kinesis", "CreateStream", StreamName="s", ShardCount=before)
    told = await memory_platform(
        "kinesis", "UpdateShardCount", StreamName="s", TargetShardCount=after,
        ScalingType="UNIFORM_SCALING",
    )  # fmt: skip
    assert (told["CurrentShardCount"], told["TargetShardCount"]) == (before, after)
    found = await shards(memory_platform)
    size = (1 << 128) // after
    assert [low for low, _ in ranges(found)] == [size * at for at in range(after)]
    assert ranges(found)[-1][1] == int(LAST)
    by_id = {s["ShardId"]: s for s in found}
    for shard in found:
        for member in ("ParentShardId", "AdjacentParentShardId"):
            if parent := by_id.get(shard.get(member, "")):
                numbers = (parent["SequenceNumberRange"], shard["SequenceNumberRange"])
                assert int(numbers[0]["EndingSequenceNumber"]) < int(
                    numbers[1]["StartingSequenceNumber"]
                )


async def test_scaling_has_bounds(stream: MemoryPlatform) -> None:
    async def scale(count: int) -> dict[str, Any]:
        return await stream(
            "kinesis", "UpdateShardCount", StreamName="s", TargetShardCount=count,
            ScalingType="UNIFORM_SCALING",
        )  # fmt: skip

    for count in (5, 2):
        with pytest.raises(ServiceError):
            await scale(count)
    for at in range(10):
        await scale(4 if at % 2 == 0 else 2)
    with pytest.raises(ServiceError) as caught:
        await scale(4)
    assert caught.value.code == "LimitExceededException"
    await stream.clock.advance(24 * 3600 * 1000)
    await scale(4)


async def test_shards_are_filtered_by_time(stream: MemoryPlatform) -> None:
    start_ms = stream.clock.now_ms()
    await stream.clock.advance(60_000)
    given = {"ShardToSplit": "shardId-000000000000", "NewStartingHashKey": "99"}
    await stream("kinesis", "SplitShard", StreamName="s", **given)

    async def listed(kind: str, **more: Any) -> str:
        found = await shards(stream, StreamName="s", ShardFilter={"Type": kind, **more})
        return "".join(s["ShardId"][-1] for s in found)

    assert await listed("AT_LATEST") == "123"
    assert await listed("AT_TRIM_HORIZON") == "01"
    assert await listed("FROM_TRIM_HORIZON") == "0123"
    assert await listed("AT_TIMESTAMP", Timestamp=utc(start_ms + 1)) == "01"
    assert await listed("FROM_TIMESTAMP", Timestamp=utc(start_ms + 1)) == "0123"
    assert await listed("AT_TIMESTAMP", Timestamp=utc(start_ms + 60_000)) == "123"
    assert await listed("AFTER_SHARD_ID", ShardId="shardId-000000000001") == "23"
    await stream.clock.advance(25 * 3600 * 1000)
    assert await listed("FROM_TRIM_HORIZON") == "123"
    assert [s["ShardId"][-1] for s in await shards(stream)] == ["1", "2", "3"]


async def test_settings_are_kept(stream: MemoryPlatform) -> None:
    about = {"StreamName": "s"}
    for operation, hours, sentence in (
        ("IncreaseStreamRetentionPeriod", 23, "can not be shorter than"),
        ("IncreaseStreamRetentionPeriod", 8761, "Maximum allowed retention period is 8760 hours"),
        ("DecreaseStreamRetentionPeriod", 25, "can not be longer than"),
        ("DecreaseStreamRetentionPeriod", 23, "Minimum allowed retention period is 24 hours"),
    ):
        error = await refused(stream, operation, **about, RetentionPeriodHours=hours)
        assert error.code == "InvalidArgumentException" and sentence in error.message
    await stream("kinesis", "IncreaseStreamRetentionPeriod", **about, RetentionPeriodHours=48)
    key = {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    await stream("kinesis", "StartStreamEncryption", **about, **key)
    told = await stream(
        "kinesis", "EnableEnhancedMonitoring", **about, ShardLevelMetrics=["IncomingBytes"]
    )
    assert told["DesiredShardLevelMetrics"] == ["IncomingBytes"]
    await stream("kinesis", "UpdateMaxRecordSize", StreamARN=ARN, MaxRecordSizeInKiB=2048)
    shown = await stream("kinesis", "DescribeStreamSummary", **about)
    summary = shown["StreamDescriptionSummary"]
    assert summary["RetentionPeriodHours"] == 48
    assert (summary["EncryptionType"], summary["KeyId"]) == ("KMS", "alias/aws/kinesis")
    assert summary["EnhancedMonitoring"] == [{"ShardLevelMetrics": ["IncomingBytes"]}]
    assert summary["MaxRecordSizeInKiB"] == 2048
    told = await stream("kinesis", "DisableEnhancedMonitoring", **about, ShardLevelMetrics=["ALL"])
    assert told["DesiredShardLevelMetrics"] == []
    await stream("kinesis", "StopStreamEncryption", **about, **key)
    assert (await refused(stream, "StopStreamEncryption", **about, **key)).code == (
        "ResourceInUseException"
    )


async def test_tags_of_streams_and_consumers(stream: MemoryPlatform) -> None:
    tags = {f"k{at}": "v" for at in range(3)}
    await stream("kinesis", "AddTagsToStream", StreamName="s", Tags=tags)
    page = await stream("kinesis", "ListTagsForStream", StreamName="s", Limit=2)
    assert ([t["Key"] for t in page["Tags"]], page["HasMoreTags"]) == (["k0", "k1"], True)
    rest = await stream("kinesis", "ListTagsForStream", StreamName="s", ExclusiveStartTagKey="k1")
    assert rest == {"Tags": [{"Key": "k2", "Value": "v"}], "HasMoreTags": False}
    await stream("kinesis", "RemoveTagsFromStream", StreamName="s", TagKeys=["k0", "none"])
    await stream("kinesis", "TagResource", ResourceARN=ARN, Tags={"k1": "w"})
    told = await stream("kinesis", "ListTagsForResource", ResourceARN=ARN)
    assert told["Tags"] == [{"Key": "k1", "Value": "w"}, {"Key": "k2", "Value": "v"}]
    many = {f"m{at}": "" for at in range(49)}
    error = await refused(stream, "AddTagsToStream", StreamName="s", Tags=many)
    assert error.code == "InvalidArgumentException"
    made = await stream("kinesis", "RegisterStreamConsumer", StreamARN=ARN, ConsumerName="c")
    arn = made["Consumer"]["ConsumerARN"]
    await stream("kinesis", "TagResource", ResourceARN=arn, Tags={"x": "y"})
    await stream("kinesis", "UntagResource", ResourceARN=arn, TagKeys=["none"])
    told = await stream("kinesis", "ListTagsForResource", ResourceARN=arn)
    assert told["Tags"] == [{"Key": "x", "Value": "y"}]


async def test_policies_go_with_their_stream(stream: MemoryPlatform) -> None:
    policy = '{"Version": "2012-10-17", "Statement": []}'
    assert (await refused(stream, "GetResourcePolicy", ResourceARN=ARN)).code == (
        "ResourceNotFoundException"
    )
    assert (await refused(stream, "PutResourcePolicy", ResourceARN=ARN, Policy="[")).code == (
        "InvalidArgumentException"
    )
    await stream("kinesis", "PutResourcePolicy", ResourceARN=ARN, Policy=policy)
    told = await stream("kinesis", "GetResourcePolicy", ResourceARN=ARN)
    assert told == {"Policy": policy}
    await stream("kinesis", "DeleteStream", StreamName="s")
    await stream("kinesis", "CreateStream", StreamName="s", ShardCount=1)
    assert (await refused(stream, "DeleteResourcePolicy", ResourceARN=ARN)).code == (
        "ResourceNotFoundException"
    )


async def test_what_is_not_here_is_refused_by_name(stream: MemoryPlatform) -> None:
    strategy = {"ShardCount": 1, "RecordDistributionStrategy": "AUTO"}
    error = await refused(stream, "CreateStream", StreamName="t", **strategy)
    assert "RecordDistributionStrategy AUTO" in error.message
    error = await refused(
        stream, "CreateStream", StreamName="t", WarmThroughputMiBps=5,
        StreamModeDetails={"StreamMode": "ON_DEMAND"},
    )  # fmt: skip
    assert "warm throughput" in error.message
    assert (await refused(stream, "ListChannels")).code == "NotImplemented"
