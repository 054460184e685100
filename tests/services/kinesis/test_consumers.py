"""Consumers and their subscriptions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError

ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
SHARD = "shardId-000000000000"


@pytest.fixture
async def stream(memory_platform: MemoryPlatform) -> MemoryPlatform:
    """Stream ``s`` with one shard."""
    await memory_platform("kinesis", "CreateStream", StreamName="s", ShardCount=1)
    return memory_platform


async def register(platform: MemoryPlatform, name: str = "c") -> str:
    told = await platform("kinesis", "RegisterStreamConsumer", StreamARN=ARN, ConsumerName=name)
    return str(told["Consumer"]["ConsumerARN"])


async def subscribe(
    platform: MemoryPlatform, consumer: str, **position: Any
) -> AsyncIterator[dict[str, Any]]:
    told = await platform(
        "kinesis", "SubscribeToShard", ConsumerARN=consumer, ShardId=SHARD,
        StartingPosition=position or {"Type": "TRIM_HORIZON"},
    )  # fmt: skip
    events: AsyncIterator[dict[str, Any]] = told["EventStream"]
    return events


async def put(platform: MemoryPlatform, data: bytes) -> str:
    told = await platform("kinesis", "PutRecord", StreamName="s", Data=data, PartitionKey="k")
    return str(told["SequenceNumber"])


async def following(platform: MemoryPlatform, events: AsyncIterator[Any]) -> dict[str, Any]:
    async def next_event() -> dict[str, Any]:
        event: dict[str, Any] = (await anext(events))["SubscribeToShardEvent"]
        return event

    return await platform.clock.run(next_event())


async def test_consumers_come_and_go(stream: MemoryPlatform) -> None:
    arn = await register(stream)
    made_s = stream.clock.now_ms() // 1000
    assert arn == f"{ARN}/consumer/c:{made_s}"
    with pytest.raises(ServiceError) as caught:
        await register(stream)
    assert caught.value.code == "ResourceInUseException"
    shown = await stream("kinesis", "DescribeStreamConsumer", ConsumerARN=arn)
    assert shown["ConsumerDescription"]["ConsumerStatus"] == "ACTIVE"
    assert shown["ConsumerDescription"]["StreamARN"] == ARN
    for name in ("a", "b"):
        await register(stream, name)
    page = await stream("kinesis", "ListStreamConsumers", StreamARN=ARN, MaxResults=2)
    assert [c["ConsumerName"] for c in page["Consumers"]] == ["a", "b"]
    rest = await stream(
        "kinesis", "ListStreamConsumers", StreamARN=ARN, NextToken=page["NextToken"]
    )
    assert [c["ConsumerName"] for c in rest["Consumers"]] == ["c"]
    with pytest.raises(ServiceError) as caught:
        await stream("kinesis", "DeleteStream", StreamName="s")
    assert caught.value.code == "ResourceInUseException"
    await stream("kinesis", "DeregisterStreamConsumer", StreamARN=ARN, ConsumerName="c")
    with pytest.raises(ServiceError) as caught:
        await stream("kinesis", "DescribeStreamConsumer", ConsumerARN=arn)
    assert caught.value.code == "ResourceNotFoundException"
    await stream("kinesis", "DeleteStream", StreamName="s", EnforceConsumerDeletion=True)


async def test_a_subscription_pushes_what_comes(stream: MemoryPlatform) -> None:
    await put(stream, b"0")
    events = await subscribe(stream, await register(stream))
    event = await following(stream, events)
    assert [r["Data"] for r in event["Records"]] == [b"0"]
    assert event["ContinuationSequenceNumber"] == event["Records"][-1]["SequenceNumber"]
    assert event["MillisBehindLatest"] == 0
    asked = asyncio.ensure_future(anext(events))  # type: ignore[arg-type]
    await stream.clock.settle()
    assert not asked.done()
    await put(stream, b"1")
    await stream.clock.settle()
    pushed = asked.result()["SubscribeToShardEvent"]
    assert [r["Data"] for r in pushed["Records"]] == [b"1"]


async def test_a_subscription_lasts_five_minutes_and_goes_on_where_it_was(
    stream: MemoryPlatform,
) -> None:
    consumer = await register(stream)
    began_ms = stream.clock.now_ms()

    async def collect(events: AsyncIterator[dict[str, Any]]) -> list[dict[str, Any]]:
        return [event["SubscribeToShardEvent"] async for event in events]

    events = await subscribe(stream, consumer)
    seen = await stream.clock.run(collect(events))
    assert stream.clock.now_ms() - began_ms == 300_000
    assert 2 <= len(seen) <= 61 and not any(event["Records"] for event in seen)
    await put(stream, b"x")
    position = {"SequenceNumber": seen[-1]["ContinuationSequenceNumber"]}
    events = await subscribe(stream, consumer, Type="AFTER_SEQUENCE_NUMBER", **position)
    assert [r["Data"] for r in (await following(stream, events))["Records"]] == [b"x"]


async def test_a_later_subscription_takes_over_after_five_seconds(stream: MemoryPlatform) -> None:
    consumer = await register(stream)
    events = await subscribe(stream, consumer)
    await following(stream, events)
    with pytest.raises(ServiceError) as caught:
        await subscribe(stream, consumer)
    assert caught.value.code == "ResourceInUseException"
    await stream.clock.advance(5_000)
    later = await subscribe(stream, consumer)
    await following(stream, later)

    async def rest() -> list[dict[str, Any]]:
        return [event async for event in events]

    (last,) = [e for e in await stream.clock.run(rest()) if "SubscribeToShardEvent" not in e]
    assert list(last) == ["ResourceInUseException"]


async def test_a_subscription_ends_with_its_shard(stream: MemoryPlatform) -> None:
    events = await subscribe(stream, await register(stream))
    await following(stream, events)
    given = {"ShardToSplit": SHARD, "NewStartingHashKey": "1000"}
    await stream("kinesis", "SplitShard", StreamName="s", **given)
    event = await following(stream, events)
    assert len(event["ChildShards"]) == 2
    with pytest.raises(StopAsyncIteration):
        await anext(events)
