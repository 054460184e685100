"""Records: where they go, in what order they are read, what a shard can bear."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest

from pileus.testing.platform import MemoryPlatform
from pileus.values.context import CallContext
from pileus.values.errors import ServiceError
from pileus.values.times import utc

ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
FIRST, SECOND = "shardId-000000000000", "shardId-000000000001"
HALF = 1 << 127
MIB = 1 << 20


@pytest.fixture
async def stream(memory_platform: MemoryPlatform) -> MemoryPlatform:
    """Stream ``s`` with two shards."""
    await memory_platform("kinesis", "CreateStream", StreamName="s", ShardCount=2)
    return memory_platform


async def put(platform: MemoryPlatform, data: bytes, **more: Any) -> dict[str, Any]:
    given = {"PartitionKey": "k", "ExplicitHashKey": "0", **more}
    return await platform("kinesis", "PutRecord", StreamName="s", Data=data, **given)


async def iterator(
    platform: MemoryPlatform, kind: str = "TRIM_HORIZON", shard: str = FIRST, **more: Any
) -> str:
    told = await platform(
        "kinesis", "GetShardIterator", StreamName="s", ShardId=shard, ShardIteratorType=kind, **more
    )
    return str(told["ShardIterator"])


async def texts(platform: MemoryPlatform, at: str, **more: Any) -> list[bytes]:
    told = await platform("kinesis", "GetRecords", ShardIterator=at, **more)
    return [record["Data"] for record in told["Records"]]


async def refused(platform: MemoryPlatform, operation: str, **given: Any) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        await platform("kinesis", operation, **given)
    return caught.value


@pytest.mark.parametrize("key", ["a", "b", "user-17", "é", "x" * 256])
async def test_the_partition_key_decides_the_shard(stream: MemoryPlatform, key: str) -> None:
    hashed = int(hashlib.md5(key.encode()).hexdigest(), 16)
    told = await stream("kinesis", "PutRecord", StreamName="s", Data=b"x", PartitionKey=key)
    assert told["ShardId"] == (FIRST if hashed < HALF else SECOND)


@pytest.mark.parametrize(
    ("hash_key", "shard"),
    [(0, FIRST), (HALF - 1, FIRST), (HALF, SECOND), ((1 << 128) - 1, SECOND)],
)
async def test_an_explicit_hash_key_wins(stream: MemoryPlatform, hash_key: int, shard: str) -> None:
    assert (await put(stream, b"x", ExplicitHashKey=str(hash_key)))["ShardId"] == shard


async def test_a_hash_key_has_128_bits(stream: MemoryPlatform) -> None:
    error = await refused(
        stream, "PutRecord", StreamName="s", Data=b"", PartitionKey="k",
        ExplicitHashKey=str(1 << 128),
    )  # fmt: skip
    assert error.code == "InvalidArgumentException"
    assert error.message.startswith("Invalid ExplicitHashKey.")


async def test_records_are_read_in_order(stream: MemoryPlatform) -> None:
    numbers = [int((await put(stream, b"%d" % at))["SequenceNumber"]) for at in range(5)]
    assert numbers == sorted(set(numbers))
    told = await stream("kinesis", "GetRecords", ShardIterator=await iterator(stream), Limit=3)
    assert [r["Data"] for r in told["Records"]] == [b"0", b"1", b"2"]
    assert told["Records"][0] == {
        "SequenceNumber": str(numbers[0]),
        "ApproximateArrivalTimestamp": utc(stream.clock.now_ms()),
        "Data": b"0",
        "PartitionKey": "k",
        "EncryptionType": "NONE",
    }
    rest = await stream("kinesis", "GetRecords", ShardIterator=told["NextShardIterator"])
    assert [r["Data"] for r in rest["Records"]] == [b"3", b"4"]
    assert rest["MillisBehindLatest"] == 0
    assert await texts(stream, rest["NextShardIterator"]) == []
    assert await texts(stream, await iterator(stream, shard=SECOND)) == []


async def test_every_kind_of_iterator(stream: MemoryPlatform) -> None:
    numbers, times = [], []
    for at in range(4):
        numbers.append((await put(stream, b"%d" % at))["SequenceNumber"])
        times.append(stream.clock.now_ms())
        await stream.clock.advance(1_000)

    async def begins(kind: str, **more: Any) -> bytes:
        return b"".join(await texts(stream, await iterator(stream, kind, **more)))

    assert await begins("TRIM_HORIZON") == b"0123"
    assert await begins("LATEST") == b""
    await stream.clock.advance(1_000)
    assert await begins("AT_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1]) == b"123"
    assert await begins("AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1]) == b"23"
    assert await begins("AT_TIMESTAMP", Timestamp=utc(times[2])) == b"23"
    await stream.clock.advance(1_000)
    assert await begins("AT_TIMESTAMP", Timestamp=utc(times[1] + 1)) == b"23"
    shown = (await stream("kinesis", "DescribeStream", StreamName="s"))["StreamDescription"]
    start = shown["Shards"][0]["SequenceNumberRange"]["StartingSequenceNumber"]
    assert await begins("AT_SEQUENCE_NUMBER", StartingSequenceNumber=start) == b"0123"
    latest = await iterator(stream, "LATEST")
    await put(stream, b"4")
    assert await texts(stream, latest) == [b"4"]


async def test_starts_that_are_none(stream: MemoryPlatform) -> None:
    about = {"StreamName": "s", "ShardId": FIRST}
    number = (await put(stream, b"x"))["SequenceNumber"]
    for kind, more, sentence in (
        (
            "AT_SEQUENCE_NUMBER",
            {},
            "Request specified AT_SEQUENCE_NUMBER and no StartingSequenceNumber.",
        ),
        (
            "LATEST",
            {"StartingSequenceNumber": number},
            "Request specified LATEST and also a StartingSequenceNumber.",
        ),
        ("AT_TIMESTAMP", {}, "Must specify timestamp"),
        ("AT_SEQUENCE_NUMBER", {"StartingSequenceNumber": "17"}, "is invalid."),
        (
            "AT_TIMESTAMP",
            {"Timestamp": utc(stream.clock.now_ms() + 1000)},
            "cannot be greater than the currentTimestampInMillis",
        ),
        (
            "AFTER_SEQUENCE_NUMBER",
            {"StartingSequenceNumber": number, "ShardId": SECOND},
            f"It encodes {FIRST}, while it was used in a call to a shard with {SECOND}",
        ),
    ):
        given = {**about, "ShardIteratorType": kind, **more}
        error = await refused(stream, "GetShardIterator", **given)
        assert error.code == "InvalidArgumentException" and sentence in error.message
    given = {"StreamName": "s", "ShardId": "shardId-000000000007", "ShardIteratorType": "LATEST"}
    error = await refused(stream, "GetShardIterator", **given)
    assert error.message == (
        "Shard shardId-000000000007 in stream s under account 000000000000 does not exist"
    )


async def test_iterators_end_after_five_minutes_and_belong_to_their_stream(
    stream: MemoryPlatform,
) -> None:
    at = await iterator(stream)
    assert (await refused(stream, "GetRecords", ShardIterator=at[:-4] + "AAA=")).message == (
        "Invalid ShardIterator."
    )
    await stream.clock.advance(300_000)
    await texts(stream, at)
    await stream.clock.advance(1)
    error = await refused(stream, "GetRecords", ShardIterator=at)
    assert error.code == "ExpiredIteratorException"
    assert error.message.endswith("tolerated delay of 300000 milliseconds.")
    at = await iterator(stream)
    await stream("kinesis", "DeleteStream", StreamName="s")
    await stream("kinesis", "CreateStream", StreamName="s", ShardCount=1)
    assert (await refused(stream, "GetRecords", ShardIterator=at)).message == (
        "Invalid ShardIterator."
    )


async def test_what_is_over_its_retention_is_gone(stream: MemoryPlatform) -> None:
    await put(stream, b"old")
    await stream.clock.advance(20 * 3600 * 1000)
    number = (await put(stream, b"new"))["SequenceNumber"]
    await stream.clock.advance(5 * 3600 * 1000)
    assert await texts(stream, await iterator(stream)) == [b"new"]
    await stream("kinesis", "IncreaseStreamRetentionPeriod", StreamName="s",
                 RetentionPeriodHours=48)  # fmt: skip
    assert await texts(stream, await iterator(stream)) == [b"new"], "what was over stays so"
    await stream.clock.advance(20 * 3600 * 1000)
    at = await iterator(stream, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=number)
    assert await texts(stream, at) == [b"new"]
    await stream("kinesis", "DecreaseStreamRetentionPeriod", StreamName="s",
                 RetentionPeriodHours=24)  # fmt: skip
    await stream.clock.advance(1_000)
    assert await texts(stream, at) == []


async def test_the_log_forgets_what_is_over(stream: MemoryPlatform) -> None:
    for _ in range(3):
        await put(stream, b"x")
        await stream.clock.advance(12 * 3600 * 1000)
    (topic,) = stream.kernel.log.topics()
    assert stream.kernel.log.bounds(topic, 0) == (1, 3)
    platform = await stream.restart()
    await platform.clock.advance(24 * 3600 * 1000)
    assert platform.kernel.log.bounds(topic, 0) == (3, 3)
    assert await texts(platform, await iterator(platform)) == []
    told = await put(platform, b"y")
    assert await texts(platform, await iterator(platform)) == [b"y"]
    start = told["SequenceNumber"]
    at = await iterator(platform, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=start)
    assert await texts(platform, at) == [b"y"]
    await platform.crash()


async def test_a_batch_tells_of_each_record(stream: MemoryPlatform) -> None:
    records = [{"Data": b"%d" % at, "PartitionKey": f"k{at}"} for at in range(20)]
    told = await stream("kinesis", "PutRecords", StreamARN=ARN, Records=records)
    assert told["FailedRecordCount"] == 0 and len(told["Records"]) == 20
    for given, answer in zip(records, told["Records"], strict=True):
        hashed = int(hashlib.md5(given["PartitionKey"].encode()).hexdigest(), 16)
        assert answer["ShardId"] == (FIRST if hashed < HALF else SECOND)
    read = [
        text
        for shard in (FIRST, SECOND)
        for text in await texts(stream, await iterator(stream, shard=shard))
    ]
    assert sorted(read) == sorted(r["Data"] for r in records)


async def test_a_shard_takes_a_thousand_records_a_second(stream: MemoryPlatform) -> None:
    batch = [{"Data": b"", "PartitionKey": "k", "ExplicitHashKey": "0"}] * 500
    other = [{"Data": b"", "PartitionKey": "k", "ExplicitHashKey": str(HALF)}]
    for _ in range(2):
        told = await stream("kinesis", "PutRecords", StreamName="s", Records=batch)
        assert told["FailedRecordCount"] == 0
    told = await stream("kinesis", "PutRecords", StreamName="s", Records=batch[:1] + other)
    assert told["FailedRecordCount"] == 1
    assert told["Records"][0] == {
        "ErrorCode": "ProvisionedThroughputExceededException",
        "ErrorMessage": f"Rate exceeded for shard {FIRST} in stream s under account 000000000000.",
    }
    assert told["Records"][1]["ShardId"] == SECOND
    with pytest.raises(ServiceError) as caught:
        await put(stream, b"")
    assert caught.value.code == "ProvisionedThroughputExceededException"
    await stream.clock.advance(1)
    await put(stream, b"")
    with pytest.raises(ServiceError):
        await put(stream, b"")
    await stream.clock.advance(999)
    told = await stream("kinesis", "PutRecords", StreamName="s", Records=batch * 1)
    assert told["FailedRecordCount"] == 0


async def test_a_shard_takes_a_mebibyte_a_second(stream: MemoryPlatform) -> None:
    await put(stream, bytes(MIB - 1))
    with pytest.raises(ServiceError):
        await put(stream, bytes(MIB // 2))
    await stream.clock.advance(500)
    await put(stream, bytes(MIB // 2 - 1))
    with pytest.raises(ServiceError) as caught:
        await put(stream, bytes(MIB))
    assert caught.value.code == "ValidationException", "with its key it is larger than allowed"


async def test_large_records_are_paid_for_afterwards(stream: MemoryPlatform) -> None:
    await stream("kinesis", "UpdateMaxRecordSize", StreamARN=ARN, MaxRecordSizeInKiB=10240)
    await put(stream, bytes(4 * MIB))
    await stream.clock.advance(4_000)
    with pytest.raises(ServiceError):
        await put(stream, b"x")
    await stream.clock.advance(1)
    await put(stream, b"x")
    records = [{"Data": bytes(6 * MIB), "PartitionKey": "k"}] * 2
    error = await refused(stream, "PutRecords", StreamName="s", Records=records)
    assert error.code == "InvalidArgumentException"


async def test_a_shard_is_read_five_times_a_second(stream: MemoryPlatform) -> None:
    at = await iterator(stream)
    for _ in range(5):
        await texts(stream, at)
    error = await refused(stream, "GetRecords", ShardIterator=at)
    assert error.code == "ProvisionedThroughputExceededException"
    await stream.clock.advance(200)
    await texts(stream, at)


async def test_ten_mebibytes_are_read_at_once_and_then_nothing_for_five_seconds(
    stream: MemoryPlatform,
) -> None:
    for _ in range(12):
        await put(stream, bytes(MIB - 1))
        await stream.clock.advance(1_000)
    told = await stream("kinesis", "GetRecords", ShardIterator=await iterator(stream))
    assert len(told["Records"]) == 10 - 1  # with their keys ten are more than 10 MiB
    assert told["MillisBehindLatest"] == 4_000
    error = await refused(stream, "GetRecords", ShardIterator=told["NextShardIterator"])
    assert error.code == "ProvisionedThroughputExceededException"
    await stream.clock.advance(5_000)
    assert len(await texts(stream, told["NextShardIterator"])) == 3


async def test_a_closed_shard_is_read_to_its_end_and_then_its_children(
    stream: MemoryPlatform,
) -> None:
    await put(stream, b"before")
    given = {"ShardToSplit": FIRST, "NewStartingHashKey": "1000"}
    await stream("kinesis", "SplitShard", StreamName="s", **given)
    assert (await put(stream, b"after"))["ShardId"] == "shardId-000000000002"
    at = await iterator(stream)
    told = await stream("kinesis", "GetRecords", ShardIterator=at)
    assert [r["Data"] for r in told["Records"]] == [b"before"]
    assert "NextShardIterator" not in told
    assert told["ChildShards"] == [
        {
            "ShardId": "shardId-000000000002",
            "ParentShards": [FIRST],
            "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": "999"},
        },
        {
            "ShardId": "shardId-000000000003",
            "ParentShards": [FIRST],
            "HashKeyRange": {"StartingHashKey": "1000", "EndingHashKey": str(HALF - 1)},
        },
    ]
    assert await texts(stream, await iterator(stream, shard="shardId-000000000002")) == [b"after"]
    told = await stream("kinesis", "GetRecords", ShardIterator=await iterator(stream, "LATEST"))
    assert told["Records"] == [] and "NextShardIterator" not in told


async def test_order_holds_while_shards_change(stream: MemoryPlatform) -> None:
    """Nothing lands in a shard behind its end, however puts and splits come together."""
    invoke, context = stream.kernel.invoke, stream.context

    async def one(at: int) -> None:
        given = {"StreamName": "s", "Data": b"%d" % at, "PartitionKey": "k"}
        await invoke(context, "kinesis", "PutRecord", {**given, "ExplicitHashKey": "5"})

    async def split(shard: int, at: int) -> None:
        given = {"StreamName": "s", "ShardToSplit": f"shardId-{shard:012d}"}
        await invoke(context, "kinesis", "SplitShard", {**given, "NewStartingHashKey": str(at)})

    work: list[Any] = [one(at) for at in range(40)]
    work[10:10] = [split(0, 1000)]
    work[30:30] = [split(2, 100)]
    await stream.clock.run(asyncio.wait_for(asyncio.gather(*work), 60))
    read = []
    for number in (0, 2, 4):
        at = await iterator(stream, shard=f"shardId-{number:012d}")
        read += [int(text) for text in await texts(stream, at)]
    assert read == list(range(40))


async def test_records_outlive_a_restart(stream: MemoryPlatform) -> None:
    number = (await put(stream, b"x"))["SequenceNumber"]
    platform = await stream.restart()
    assert await texts(platform, await iterator(platform)) == [b"x"]
    assert int((await put(platform, b"y"))["SequenceNumber"]) > int(number)
    await platform.crash()


async def test_the_key_is_told_with_the_records_of_its_time(stream: MemoryPlatform) -> None:
    await put(stream, b"plain")
    key = {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    await stream("kinesis", "StartStreamEncryption", StreamName="s", **key)
    assert (await put(stream, b"sealed"))["EncryptionType"] == "KMS"
    told = await stream("kinesis", "GetRecords", ShardIterator=await iterator(stream))
    assert [r["EncryptionType"] for r in told["Records"]] == ["NONE", "KMS"]


async def test_a_dry_run_changes_nothing(stream: MemoryPlatform) -> None:
    given = {"StreamName": "s", "Data": b"x", "PartitionKey": "k", "DryRun": True}
    assert (await refused(stream, "PutRecord", **given)).code == "DryRunOperationException"
    for shard in (FIRST, SECOND):
        assert await texts(stream, await iterator(stream, shard=shard)) == []


class Inside:
    """Another room of the house that reads."""

    def __init__(self, platform: MemoryPlatform) -> None:
        self.platform = platform
        self.context = CallContext(request_id="test", source="lambda")

    def read(self, at: str, wait_s: int) -> asyncio.Task[Any]:
        given = {"ShardIterator": at, "WaitTimeSeconds": wait_s}
        work = self.platform.kernel.invoke(self.context, "kinesis", "GetRecords", given)
        return asyncio.ensure_future(work)


async def test_rooms_wait_for_records(stream: MemoryPlatform) -> None:
    inside = Inside(stream)
    asked = inside.read(await iterator(stream, "LATEST"), 20)
    await stream.clock.advance(7_000)
    assert not asked.done()
    await put(stream, b"x")
    await stream.clock.settle()
    output = asked.result().output
    assert [r["Data"] for r in output["Records"]] == [b"x"]
    asked = inside.read(output["NextShardIterator"], 20)
    await stream.clock.advance(19_999)
    assert not asked.done()
    await stream.clock.advance(1)
    assert asked.result().output["Records"] == []


async def test_rooms_that_wait_hear_of_the_end_of_a_shard(stream: MemoryPlatform) -> None:
    asked = Inside(stream).read(await iterator(stream), 20)
    await stream.clock.settle()
    given = {"ShardToSplit": FIRST, "NewStartingHashKey": "1000"}
    await stream("kinesis", "SplitShard", StreamName="s", **given)
    await stream.clock.settle()
    assert len(asked.result().output["ChildShards"]) == 2
    asked = Inside(stream).read(await iterator(stream, shard=SECOND), 20)
    await stream.clock.settle()
    await stream("kinesis", "DeleteStream", StreamName="s")
    await stream.clock.settle()
    with pytest.raises(ServiceError) as caught:
        asked.result()
    assert caught.value.code == "ResourceNotFoundException"


async def test_clients_do_not_wait(stream: MemoryPlatform) -> None:
    at = await iterator(stream)
    before_ms = stream.clock.now_ms()
    assert await texts(stream, at, WaitTimeSeconds=20) == []
    assert stream.clock.now_ms() == before_ms


async def test_another_account_reads_by_arn(stream: MemoryPlatform) -> None:
    await put(stream, b"x")
    stream.context = CallContext(account="111111111111", request_id="test")
    told = await stream(
        "kinesis", "GetShardIterator", StreamARN=ARN, ShardId=FIRST,
        ShardIteratorType="TRIM_HORIZON",
    )  # fmt: skip
    read = await texts(stream, told["ShardIterator"], StreamARN=ARN)
    assert read == [b"x"]
    assert (await refused(stream, "GetRecords", ShardIterator=told["ShardIterator"])).code == (
        "InvalidArgumentException"
    )
