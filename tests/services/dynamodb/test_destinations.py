"""Changes of a table in a Kinesis data stream."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError

STREAM = "arn:aws:kinesis:us-east-1:000000000000:stream/changes"
ABOUT = {"TableName": "tab", "StreamArn": STREAM}


@pytest.fixture
async def table(memory_platform: MemoryPlatform) -> MemoryPlatform:
    """Table ``tab`` and data stream ``changes``, which have nothing to do with each other yet."""
    await memory_platform(
        "dynamodb", "CreateTable", TableName="tab",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )  # fmt: skip
    await memory_platform("kinesis", "CreateStream", StreamName="changes", ShardCount=1)
    return memory_platform


async def act(platform: MemoryPlatform, verb: str, **more: Any) -> dict[str, Any]:
    return await platform("dynamodb", f"{verb}KinesisStreamingDestination", **ABOUT, **more)


async def refused(platform: MemoryPlatform, verb: str, **more: Any) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        await act(platform, verb, **more)
    return caught.value


async def put(platform: MemoryPlatform, pk: str, **more: Any) -> None:
    await platform("dynamodb", "PutItem", TableName="tab", Item={"pk": {"S": pk}, **more})


async def told(platform: MemoryPlatform) -> list[dict[str, Any]]:
    """The records that came to the data stream, each under its key."""
    await platform.clock.advance(1_000)
    start = await platform(
        "kinesis", "GetShardIterator", StreamName="changes", ShardId="shardId-000000000000",
        ShardIteratorType="TRIM_HORIZON",
    )  # fmt: skip
    read = await platform("kinesis", "GetRecords", ShardIterator=start["ShardIterator"])
    return [{**json.loads(r["Data"]), "under": r["PartitionKey"]} for r in read["Records"]]


async def test_changes_come_to_the_data_stream(table: MemoryPlatform) -> None:
    await put(table, "before")
    assert (await act(table, "Enable"))["DestinationStatus"] == "ENABLING"
    at_ms = table.clock.now_ms()
    await put(table, "a", raw={"B": b"\xff"})
    await put(table, "a", raw={"B": b"\xff"})
    for n in range(5):
        await put(table, "a", n={"N": str(n)})
    await table("dynamodb", "DeleteItem", TableName="tab", Key={"pk": {"S": "a"}})
    records = await told(table)
    first = records[0]
    assert len(first.pop("eventID")) == 36
    under = first.pop("under")
    assert first == {
        "awsRegion": "us-east-1",
        "eventName": "INSERT",
        "userIdentity": None,
        "recordFormat": "application/json",
        "tableName": "tab",
        "dynamodb": {
            "ApproximateCreationDateTime": at_ms,
            "Keys": {"pk": {"S": "a"}},
            "NewImage": {"pk": {"S": "a"}, "raw": {"B": "/w=="}},
            "SizeBytes": 10,
            "ApproximateCreationDateTimePrecision": "MILLISECOND",
        },
        "eventSource": "aws:dynamodb",
    }
    assert [r["eventName"] for r in records] == ["INSERT", *["MODIFY"] * 5, "REMOVE"]
    assert {r["under"] for r in records[1:]} == {under}, "one item, one key"
    images = [r["dynamodb"].get("NewImage", {}).get("n", {}).get("N") for r in records]
    assert images == [None, "0", "1", "2", "3", "4", None]


async def test_a_destination_is_switched_on_and_off(table: MemoryPlatform) -> None:
    assert "must be ACTIVE to perform DISABLE" in (await refused(table, "Disable")).message
    fine = {"ApproximateCreationDateTimePrecision": "MICROSECOND"}
    await act(table, "Enable")
    assert "must be DISABLED or ENABLE_FAILED" in (await refused(table, "Enable")).message
    await act(table, "Update", UpdateKinesisStreamingConfiguration=fine)
    error = await refused(table, "Update", UpdateKinesisStreamingConfiguration=fine)
    assert error.message.startswith("Invalid Request: Precision is already set to the desired")
    at_ms = table.clock.now_ms()
    await put(table, "a")
    await act(table, "Disable")
    await put(table, "b")
    (record,) = await told(table)
    assert record["dynamodb"]["ApproximateCreationDateTime"] == at_ms * 1000
    shown = await table("dynamodb", "DescribeKinesisStreamingDestination", TableName="tab")
    assert shown["KinesisDataStreamDestinations"] == [
        {
            "StreamArn": STREAM,
            "DestinationStatus": "DISABLED",
            "ApproximateCreationDateTimePrecision": "MICROSECOND",
        }
    ]
    await table("kinesis", "DeleteStream", StreamName="changes")
    assert (await refused(table, "Enable")).code == "ResourceNotFoundException"


async def test_a_full_shard_is_waited_for(table: MemoryPlatform) -> None:
    await act(table, "Enable")
    full = {"Data": b"{}" + b" " * (1024 * 1024 - 10), "PartitionKey": "k"}
    await table("kinesis", "PutRecord", StreamName="changes", **full)
    for n in range(3):
        await put(table, "a", n={"N": str(n)})
    await table.clock.advance(10_000)
    records = (await told(table))[1:]
    assert [r["dynamodb"]["NewImage"]["n"]["N"] for r in records] == ["0", "1", "2"]
