"""Streams of tables: what is written, with which images, in which order, for how long."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pileus.testing.platform import MemoryPlatform
from pileus.values.context import CallContext
from pileus.values.errors import ServiceError
from pileus.values.times import utc

DAY_MS = 24 * 3600 * 1000


async def create(platform: MemoryPlatform, view: str | None, name: str = "tab") -> str:
    """A table with key ``pk``; the ARN of its stream."""
    given: dict[str, Any] = {}
    if view is not None:
        given["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": view}
    told = await platform(
        "dynamodb", "CreateTable", TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST", **given,
    )  # fmt: skip
    return str(told["TableDescription"].get("LatestStreamArn"))


async def put(platform: MemoryPlatform, pk: str, **more: Any) -> None:
    await platform("dynamodb", "PutItem", TableName="tab", Item={"pk": {"S": pk}, **more})


async def shard_of(platform: MemoryPlatform, arn: str) -> dict[str, Any]:
    told = await platform("dynamodbstreams", "DescribeStream", StreamArn=arn)
    (shard,) = told["StreamDescription"]["Shards"]
    return dict(shard)


async def iterator(
    platform: MemoryPlatform, arn: str, kind: str = "TRIM_HORIZON", **more: Any
) -> str:
    shard = (await shard_of(platform, arn))["ShardId"]
    told = await platform(
        "dynamodbstreams", "GetShardIterator", StreamArn=arn, ShardId=shard,
        ShardIteratorType=kind, **more,
    )  # fmt: skip
    return str(told["ShardIterator"])


async def records(
    platform: MemoryPlatform, arn: str, kind: str = "TRIM_HORIZON", **more: Any
) -> list[dict[str, Any]]:
    at = await iterator(platform, arn, kind, **more)
    told = await platform("dynamodbstreams", "GetRecords", ShardIterator=at)
    found: list[dict[str, Any]] = told["Records"]
    return found


def names(found: list[dict[str, Any]]) -> list[str]:
    return [f"{record['eventName']} {record['dynamodb']['Keys']['pk']['S']}" for record in found]


async def test_a_table_tells_of_its_stream(memory_platform: MemoryPlatform) -> None:
    arn = await create(memory_platform, "KEYS_ONLY")
    table = (await memory_platform("dynamodb", "DescribeTable", TableName="tab"))["Table"]
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    assert (
        table["LatestStreamArn"]
        == arn
        == f"{table['TableArn']}/stream/{table['LatestStreamLabel']}"
    )
    told = await memory_platform("dynamodbstreams", "DescribeStream", StreamArn=arn)
    stream = told["StreamDescription"]
    (shard,) = stream.pop("Shards")
    assert stream == {
        "StreamArn": arn,
        "StreamLabel": table["LatestStreamLabel"],
        "StreamStatus": "ENABLED",
        "StreamViewType": "KEYS_ONLY",
        "CreationRequestDateTime": utc(memory_platform.clock.now_ms()),
        "TableName": "tab",
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    }
    assert list(shard["SequenceNumberRange"]) == ["StartingSequenceNumber"]
    assert 28 <= len(shard["ShardId"]) <= 65
    children = {"Type": "CHILD_SHARDS", "ShardId": shard["ShardId"]}
    told = await memory_platform(
        "dynamodbstreams", "DescribeStream", StreamArn=arn, ShardFilter=children
    )
    assert told["StreamDescription"]["Shards"] == []


@pytest.mark.parametrize(
    ("view", "images"),
    [
        ("KEYS_ONLY", [(None, None)] * 3),
        ("NEW_IMAGE", [(None, "1"), (None, "2"), (None, None)]),
        ("OLD_IMAGE", [(None, None), ("1", None), ("2", None)]),
        ("NEW_AND_OLD_IMAGES", [(None, "1"), ("1", "2"), ("2", None)]),
    ],
)
async def test_every_view_shows_its_images(
    memory_platform: MemoryPlatform, view: str, images: list[tuple[str | None, str | None]]
) -> None:
    arn = await create(memory_platform, view)
    await put(memory_platform, "a", n={"N": "1"})
    await memory_platform(
        "dynamodb", "UpdateItem", TableName="tab", Key={"pk": {"S": "a"}},
        UpdateExpression="SET n = n + :one", ExpressionAttributeValues={":one": {"N": "1"}},
    )  # fmt: skip
    await memory_platform("dynamodb", "DeleteItem", TableName="tab", Key={"pk": {"S": "a"}})
    found = await records(memory_platform, arn)
    assert [record["eventName"] for record in found] == ["INSERT", "MODIFY", "REMOVE"]

    def image(n: str | None) -> dict[str, Any] | None:
        return None if n is None else {"pk": {"S": "a"}, "n": {"N": n}}

    for record, (old, new) in zip(found, images, strict=True):
        told = record["dynamodb"]
        assert told["Keys"] == {"pk": {"S": "a"}}
        assert told.get("OldImage") == image(old) and told.get("NewImage") == image(new)
        # "pk" and "a" are three bytes, "n" and a number of one digit three more.
        assert told["SizeBytes"] == 3 + 6 * ((old is not None) + (new is not None))
        assert told["StreamViewType"] == view


async def test_a_record_is_whole(memory_platform: MemoryPlatform) -> None:
    arn = await create(memory_platform, "NEW_IMAGE")
    await memory_platform.clock.advance(1_234)
    await put(memory_platform, "a", raw={"B": b"\xff"})
    (record,) = await records(memory_platform, arn)
    now_ms = memory_platform.clock.now_ms()
    told = record.pop("dynamodb")
    assert len(record.pop("eventID")) == 32
    assert record == {
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
    }
    assert told["ApproximateCreationDateTime"] == utc(now_ms // 1000 * 1000)
    assert told["NewImage"]["raw"] == {"B": b"\xff"}
    assert 21 <= len(told["SequenceNumber"]) <= 40


async def test_what_changes_nothing_is_not_told(memory_platform: MemoryPlatform) -> None:
    arn = await create(memory_platform, "NEW_AND_OLD_IMAGES")
    await put(memory_platform, "a", n={"N": "1"}, s={"SS": ["x", "y"]})
    await put(memory_platform, "a", n={"N": "1.0"}, s={"SS": ["y", "x"]})
    key = {"pk": {"S": "a"}}
    await memory_platform("dynamodb", "UpdateItem", TableName="tab", Key=key)
    await memory_platform(
        "dynamodb", "UpdateItem", TableName="tab", Key=key, UpdateExpression="REMOVE nothing"
    )
    await memory_platform("dynamodb", "DeleteItem", TableName="tab", Key={"pk": {"S": "b"}})
    with pytest.raises(ServiceError):
        await memory_platform(
            "dynamodb", "DeleteItem", TableName="tab", Key=key,
            ConditionExpression="attribute_not_exists(pk)",
        )  # fmt: skip
    assert names(await records(memory_platform, arn)) == ["INSERT a"]


async def test_batches_and_transactions_are_told_in_order(memory_platform: MemoryPlatform) -> None:
    arn = await create(memory_platform, "KEYS_ONLY")
    await put(memory_platform, "x")
    keys = [{"pk": {"S": name}} for name in ("a", "b", "x")]
    writes: list[dict[str, Any]] = [{"PutRequest": {"Item": key}} for key in keys[:2]]
    writes.append({"DeleteRequest": {"Key": keys[2]}})
    await memory_platform("dynamodb", "BatchWriteItem", RequestItems={"tab": writes})
    about = {"TableName": "tab"}
    await memory_platform(
        "dynamodb", "TransactWriteItems",
        TransactItems=[
            {"Put": {**about, "Item": keys[2]}},
            {"Delete": {**about, "Key": keys[0]}},
            {"ConditionCheck": {**about, "Key": keys[1],
                                "ConditionExpression": "attribute_exists(pk)"}},
        ],
    )  # fmt: skip
    with pytest.raises(ServiceError):
        await memory_platform(
            "dynamodb", "TransactWriteItems",
            TransactItems=[
                {"Put": {**about, "Item": {"pk": {"S": "never"}}}},
                {"ConditionCheck": {**about, "Key": keys[0],
                                    "ConditionExpression": "attribute_exists(pk)"}},
            ],
        )  # fmt: skip
    found = await records(memory_platform, arn)
    assert names(found) == ["INSERT x", "INSERT a", "INSERT b", "REMOVE x", "INSERT x", "REMOVE a"]
    numbers = [record["dynamodb"]["SequenceNumber"] for record in found]
    assert numbers == sorted(numbers) and len(set(map(len, numbers))) == 1


async def test_expired_items_are_removed_by_the_service(memory_platform: MemoryPlatform) -> None:
    arn = await create(memory_platform, "OLD_IMAGE")
    await memory_platform(
        "dynamodb", "UpdateTimeToLive", TableName="tab",
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"},
    )  # fmt: skip
    until = {"N": str(memory_platform.clock.now_ms() // 1000 + 100)}
    await put(memory_platform, "a", until=until)
    await memory_platform.clock.advance(200_000)
    inserted, removed = await records(memory_platform, arn)
    assert "userIdentity" not in inserted
    assert removed["userIdentity"] == {
        "Type": "Service",
        "PrincipalId": "dynamodb.amazonaws.com",
    }
    assert removed["dynamodb"]["OldImage"] == {"pk": {"S": "a"}, "until": until}


async def test_a_stream_is_switched_off_and_another_one_on(memory_platform: MemoryPlatform) -> None:
    platform = memory_platform

    async def specify(**given: Any) -> dict[str, Any]:
        told = await platform("dynamodb", "UpdateTable", TableName="tab", StreamSpecification=given)
        return dict(told["TableDescription"])

    assert await create(platform, None) == "None"
    prefix = "One or more parameter values were invalid: "
    for given, sentence in (
        ({"StreamEnabled": False}, "Table has no stream to disable: TableName: tab"),
        (
            {"StreamEnabled": True},
            f"{prefix}If stream is being enabled then UpdateViewType is required",
        ),
        (
            {"StreamEnabled": False, "StreamViewType": "KEYS_ONLY"},
            f"{prefix}If stream is being disabled, then UpdateViewType must not be specified",
        ),
    ):
        with pytest.raises(ServiceError) as caught:
            await specify(**given)
        assert (caught.value.code, caught.value.message) == ("ValidationException", sentence)
    await put(platform, "before")
    first = (await specify(StreamEnabled=True, StreamViewType="KEYS_ONLY"))["LatestStreamArn"]
    with pytest.raises(ServiceError) as caught:
        await specify(StreamEnabled=True, StreamViewType="KEYS_ONLY")
    assert caught.value.message == "Table already has an enabled stream: TableName: tab"
    await put(platform, "a")
    off = await specify(StreamEnabled=False)
    assert "StreamSpecification" not in off and off["LatestStreamArn"] == first
    await put(platform, "unseen")
    second = (await specify(StreamEnabled=True, StreamViewType="NEW_IMAGE"))["LatestStreamArn"]
    assert second != first
    await put(platform, "b")
    assert names(await records(platform, first)) == ["INSERT a"]
    assert names(await records(platform, second)) == ["INSERT b"]
    closed = await platform("dynamodbstreams", "DescribeStream", StreamArn=first)
    assert closed["StreamDescription"]["StreamStatus"] == "DISABLED"
    (shard,) = closed["StreamDescription"]["Shards"]
    assert "EndingSequenceNumber" in shard["SequenceNumberRange"]
    told = await platform(
        "dynamodbstreams", "GetRecords", ShardIterator=await iterator(platform, first)
    )
    assert "NextShardIterator" not in told
    listed = await platform("dynamodbstreams", "ListStreams", TableName="tab", Limit=1)
    assert [s["StreamArn"] for s in listed["Streams"]] == [first]
    rest = await platform(
        "dynamodbstreams", "ListStreams", ExclusiveStartStreamArn=listed["LastEvaluatedStreamArn"]
    )
    assert [s["StreamArn"] for s in rest["Streams"]] == [second]
    assert "LastEvaluatedStreamArn" not in rest


async def test_a_stream_outlives_its_table_by_a_day(memory_platform: MemoryPlatform) -> None:
    arn = await create(memory_platform, "KEYS_ONLY")
    await memory_platform.clock.advance(1_000)
    await put(memory_platform, "a")
    await memory_platform("dynamodb", "DeleteTable", TableName="tab")
    assert names(await records(memory_platform, arn)) == ["INSERT a"]
    await memory_platform.clock.advance(DAY_MS + 2 * 3_600_000)
    with pytest.raises(ServiceError) as caught:
        await records(memory_platform, arn)
    assert caught.value.code == "ResourceNotFoundException"
    kept = [key for key in memory_platform.disks.state.values if b"change" in key]
    assert not kept


async def test_changes_are_kept_for_a_day(memory_platform: MemoryPlatform) -> None:
    arn = await create(memory_platform, "KEYS_ONLY")
    await memory_platform.clock.advance(1_000)
    await put(memory_platform, "old")
    (old,) = await records(memory_platform, arn)
    await memory_platform.clock.advance(20 * 3_600_000)
    await put(memory_platform, "new")
    await memory_platform.clock.advance(4 * 3_600_000 + 1)
    assert names(await records(memory_platform, arn)) == ["INSERT new"]
    number = old["dynamodb"]["SequenceNumber"]
    with pytest.raises(ServiceError) as caught:
        await records(memory_platform, arn, "AT_SEQUENCE_NUMBER", SequenceNumber=number)
    assert caught.value.code == "TrimmedDataAccessException"
    await memory_platform.clock.advance(2 * 3_600_000)
    assert len([key for key in memory_platform.disks.state.values if b"change" in key]) == 1


async def test_every_kind_of_iterator(memory_platform: MemoryPlatform) -> None:
    arn = await create(memory_platform, "KEYS_ONLY")
    times = []
    for name in ("a", "b", "c"):
        times.append(memory_platform.clock.now_ms())
        await put(memory_platform, name)
        await memory_platform.clock.advance(1_000)
    numbers = [r["dynamodb"]["SequenceNumber"] for r in await records(memory_platform, arn)]

    async def begins(kind: str, **more: Any) -> list[str]:
        return [name[-1] for name in names(await records(memory_platform, arn, kind, **more))]

    assert await begins("AT_SEQUENCE_NUMBER", SequenceNumber=numbers[1]) == ["b", "c"]
    assert await begins("AFTER_SEQUENCE_NUMBER", SequenceNumber=numbers[1]) == ["c"]
    assert await begins("AT_TIMESTAMP", Timestamp=utc(times[1])) == ["b", "c"]
    assert await begins("AT_TIMESTAMP", Timestamp=utc(times[1] + 1)) == ["c"]
    start = (await shard_of(memory_platform, arn))["SequenceNumberRange"]["StartingSequenceNumber"]
    assert await begins("AT_SEQUENCE_NUMBER", SequenceNumber=start) == ["a", "b", "c"]
    assert await begins("LATEST") == []
    latest = await iterator(memory_platform, arn, "LATEST")
    await put(memory_platform, "d")
    told = await memory_platform("dynamodbstreams", "GetRecords", ShardIterator=latest)
    assert names(told["Records"]) == ["INSERT d"]
    for more in ({}, {"SequenceNumber": "1" * 21}, {"SequenceNumber": "9" * 30}):
        with pytest.raises(ServiceError) as caught:
            await begins("AT_SEQUENCE_NUMBER", **more)
        assert caught.value.code == "ValidationException"


async def test_records_come_by_pages(memory_platform: MemoryPlatform) -> None:
    arn = await create(memory_platform, "NEW_IMAGE")
    big = {"S": "x" * 300_000}
    for at in range(5):
        await put(memory_platform, str(at), big=big)
    at, seen, sizes = await iterator(memory_platform, arn), [], []
    for _ in range(3):
        told = await memory_platform("dynamodbstreams", "GetRecords", ShardIterator=at)
        seen += names(told["Records"])
        sizes.append(len(told["Records"]))
        at = told["NextShardIterator"]
    assert sizes == [3, 2, 0], "a mebibyte at a time"
    assert seen == [f"INSERT {at}" for at in range(5)]
    start = await iterator(memory_platform, arn)
    told = await memory_platform("dynamodbstreams", "GetRecords", ShardIterator=start, Limit=1)
    assert len(told["Records"]) == 1
    for n in range(120):
        await put(memory_platform, f"small{n}")
    told = await memory_platform("dynamodbstreams", "GetRecords", ShardIterator=at)
    assert len(told["Records"]) == 120


async def test_iterators_end_after_fifteen_minutes(memory_platform: MemoryPlatform) -> None:
    arn = await create(memory_platform, "KEYS_ONLY")
    at = await iterator(memory_platform, arn)
    assert at.startswith(f"{arn}|1|")
    await memory_platform.clock.advance(900_001)
    for given, code in ((at, "ExpiredIteratorException"), ("x" + at[:-8], "ValidationException")):
        with pytest.raises(ServiceError) as caught:
            await memory_platform("dynamodbstreams", "GetRecords", ShardIterator=given)
        assert caught.value.code == code


async def test_rooms_wait_for_changes(memory_platform: MemoryPlatform) -> None:
    arn = await create(memory_platform, "KEYS_ONLY")
    inside = CallContext(request_id="test", source="lambda")

    async def read(at: str) -> Any:
        given = {"ShardIterator": at, "WaitTimeSeconds": 20}
        return await memory_platform.kernel.invoke(inside, "dynamodbstreams", "GetRecords", given)

    asked = asyncio.ensure_future(read(await iterator(memory_platform, arn)))
    await memory_platform.clock.advance(7_000)
    assert not asked.done()
    await put(memory_platform, "a")
    await memory_platform.clock.settle()
    output = asked.result().output
    assert names(output["Records"]) == ["INSERT a"]
    asked = asyncio.ensure_future(read(output["NextShardIterator"]))
    await memory_platform.clock.advance(20_000)
    output = asked.result().output
    assert output["Records"] == []
    asked = asyncio.ensure_future(read(output["NextShardIterator"]))
    await memory_platform.clock.settle()
    await memory_platform("dynamodb", "DeleteTable", TableName="tab")
    await memory_platform.clock.settle()
    assert "NextShardIterator" not in asked.result().output
