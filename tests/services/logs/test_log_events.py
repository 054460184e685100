"""Events in and out of log streams."""

from __future__ import annotations

import base64
import gzip
import json
import random
from typing import Any

import pytest

from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError

DAY_MS = 86_400_000


async def make(platform: MemoryPlatform, *streams: str, group: str = "g") -> None:
    await platform("logs", "CreateLogGroup", logGroupName=group)
    for stream in streams:
        await platform("logs", "CreateLogStream", logGroupName=group, logStreamName=stream)


async def put(
    platform: MemoryPlatform, stream: str, *events: tuple[int, str], group: str = "g"
) -> dict[str, Any]:
    """Put events given as (milliseconds from now, message)."""
    now_ms = platform.clock.now_ms()
    lines = [{"timestamp": now_ms + at, "message": message} for at, message in events]
    return await platform(
        "logs", "PutLogEvents", logGroupName=group, logStreamName=stream, logEvents=lines
    )


async def get(platform: MemoryPlatform, stream: str = "s", **more: Any) -> dict[str, Any]:
    return await platform("logs", "GetLogEvents", logGroupName="g", logStreamName=stream, **more)


def messages(page: dict[str, Any]) -> list[str]:
    return [event["message"] for event in page["events"]]


async def filtered(platform: MemoryPlatform, **more: Any) -> list[str]:
    return messages(await platform("logs", "FilterLogEvents", logGroupName="g", **more))


async def test_events_are_read_back(memory_platform: MemoryPlatform) -> None:
    await make(memory_platform, "s")
    answer = await put(memory_platform, "s", (0, "one"), (1, "two"))
    assert set(answer) == {"nextSequenceToken"}
    await put(memory_platform, "s", (2, "three"))
    page = await get(memory_platform, startFromHead=True)
    assert messages(page) == ["one", "two", "three"]
    assert page["events"][0]["timestamp"] == memory_platform.clock.now_ms()
    # Small batches share a record.
    keys = [key for key in memory_platform.disks.state.values if b"chunk" in key]
    assert len(keys) == 1
    memory_platform = await memory_platform.restart()
    assert messages(await get(memory_platform)) == ["one", "two", "three"]
    await memory_platform.crash()


async def test_a_stream_is_read_in_pages_both_ways(memory_platform: MemoryPlatform) -> None:
    await make(memory_platform, "s")
    await put(memory_platform, "s", *((at, str(at)) for at in range(5)))
    page = await get(memory_platform, startFromHead=True, limit=2)
    assert messages(page) == ["0", "1"]
    page = await get(memory_platform, nextToken=page["nextForwardToken"], limit=2)
    assert messages(page) == ["2", "3"]
    back = await get(memory_platform, nextToken=page["nextBackwardToken"], limit=9)
    assert messages(back) == ["0", "1"]
    page = await get(memory_platform, limit=2)
    assert messages(page) == ["3", "4"]
    page = await get(memory_platform, nextToken=page["nextBackwardToken"], limit=2)
    assert messages(page) == ["1", "2"]


async def test_a_follower_gets_its_token_back_until_there_is_more(
    memory_platform: MemoryPlatform,
) -> None:
    await make(memory_platform, "s")
    for start in ({}, {"startFromHead": True}):
        empty = await get(memory_platform, **start)
        token = empty["nextForwardToken"]
        again = await get(memory_platform, nextToken=token)
        assert (again["events"], again["nextForwardToken"]) == ([], token)
    await put(memory_platform, "s", (0, "late"))
    page = await get(memory_platform, nextToken=token)
    assert messages(page) == ["late"]
    end = page["nextForwardToken"]
    assert (await get(memory_platform, nextToken=end))["nextForwardToken"] == end


async def test_times_bound_what_is_read(memory_platform: MemoryPlatform) -> None:
    await make(memory_platform, "s")
    now_ms = memory_platform.clock.now_ms()
    await put(memory_platform, "s", (0, "a"), (10, "b"), (20, "c"))
    bounds = {"startTime": now_ms + 10, "endTime": now_ms + 20}
    assert messages(await get(memory_platform, **bounds)) == ["b"]
    assert await filtered(memory_platform, **bounds) == ["b", "c"]


@pytest.mark.parametrize("seed", range(4))
async def test_late_batches_are_sorted_in(memory_platform: MemoryPlatform, seed: int) -> None:
    chance = random.Random(seed)
    await make(memory_platform, "s")
    expected = []
    for batch in range(40):
        start = -chance.randrange(3_600_000)
        times = sorted(start + chance.randrange(600_000) for _ in range(chance.randrange(1, 30)))
        # The number makes messages of one moment tell their order.
        lines = [(at, f"{batch:03d}-{n:03d}-" + "x" * 200) for n, at in enumerate(times)]
        expected += lines
        await put(memory_platform, "s", *lines)
    expected.sort(key=lambda line: line[0])
    everything: list[str] = []
    page = await get(memory_platform, startFromHead=True, limit=100)
    while page["events"]:
        everything += messages(page)
        page = await get(memory_platform, nextToken=page["nextForwardToken"], limit=100)
    assert everything == [message for _, message in expected]
    backwards: list[str] = []
    page = await get(memory_platform, limit=77)
    while page["events"]:
        backwards = messages(page) + backwards
        page = await get(memory_platform, nextToken=page["nextBackwardToken"], limit=77)
    assert backwards == everything


async def test_streams_are_filtered_together(memory_platform: MemoryPlatform) -> None:
    await make(memory_platform, "a/1", "a/2", "b")
    await put(memory_platform, "a/1", (0, "ERROR one"), (30, "INFO"))
    await put(memory_platform, "a/2", (10, "ERROR two"))
    await put(memory_platform, "b", (20, '{"level": "ERROR", "n": 3}'))
    assert await filtered(memory_platform, filterPattern="ERROR") == [
        "ERROR one",
        "ERROR two",
        '{"level": "ERROR", "n": 3}',
    ]
    assert await filtered(memory_platform, filterPattern='{ $.level = "ERROR" && $.n > 2 }') == [
        '{"level": "ERROR", "n": 3}'
    ]
    assert await filtered(memory_platform, filterPattern="-ERROR") == ["INFO"]
    assert await filtered(memory_platform, logStreamNamePrefix="a/", filterPattern="ERROR") == [
        "ERROR one",
        "ERROR two",
    ]
    assert len(await filtered(memory_platform, logStreamNames=["b"])) == 1
    assert (await filtered(memory_platform, startFromHead=False))[0] == "INFO"


async def test_filtering_goes_on_from_its_token(memory_platform: MemoryPlatform) -> None:
    await make(memory_platform, "a", "b")
    for stream in "ab":
        await put(memory_platform, stream, *((at, f"{stream}{at}") for at in range(3)))
    for is_forward in (True, False):
        found: list[str] = []
        more: dict[str, Any] = {"startFromHead": is_forward}
        while True:
            page = await memory_platform(
                "logs", "FilterLogEvents", logGroupName="g", limit=2, **more
            )
            found += messages(page)
            if "nextToken" not in page:
                break
            more = {"nextToken": page["nextToken"]}
        assert found == sorted(found, key=lambda text: (text[1], text[0]), reverse=not is_forward)
        assert len(found) == 6


async def test_ids_are_unique(memory_platform: MemoryPlatform) -> None:
    await make(memory_platform, "a", "b")
    for stream in "ab":
        await put(memory_platform, stream, (0, "same"), (0, "same"))
    page = await memory_platform("logs", "FilterLogEvents", logGroupName="g")
    ids = [event["eventId"] for event in page["events"]]
    assert len(set(ids)) == 4
    assert all(len(each) == 56 for each in ids)


async def test_ages_are_bounded(memory_platform: MemoryPlatform) -> None:
    await make(memory_platform, "s")
    answer = await put(
        memory_platform, "s", (-15 * DAY_MS, "old"), (0, "now"), (3 * 3_600_000, "new")
    )
    assert answer["rejectedLogEventsInfo"] == {
        "tooNewLogEventStartIndex": 2,
        "tooOldLogEventEndIndex": 1,
    }
    assert messages(await get(memory_platform)) == ["now"]
    about = {"logGroupName": "g"}
    await memory_platform("logs", "PutRetentionPolicy", **about, retentionInDays=1)
    answer = await put(memory_platform, "s", (-2 * DAY_MS, "old"), (0, "now"))
    assert answer["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}


async def test_retention_ends_events(memory_platform: MemoryPlatform) -> None:
    await make(memory_platform, "s")
    await memory_platform("logs", "PutRetentionPolicy", logGroupName="g", retentionInDays=1)
    await put(memory_platform, "s", (0, "first"))
    await memory_platform.clock.advance(DAY_MS - 1000)
    assert messages(await get(memory_platform)) == ["first"]
    await memory_platform.clock.advance(2000)
    assert messages(await get(memory_platform)) == []
    await memory_platform.clock.advance(2 * 3_600_000)
    assert not [key for key in memory_platform.disks.state.values if b"chunk" in key]


async def test_subscriptions_deliver(memory_platform: MemoryPlatform) -> None:
    await make(memory_platform, "s")
    arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
    about = {"logGroupName": "g", "filterName": "f"}
    await memory_platform(
        "logs", "PutSubscriptionFilter", **about, filterPattern="ERROR", destinationArn=arn
    )
    listed = await memory_platform("logs", "DescribeSubscriptionFilters", logGroupName="g")
    assert listed["subscriptionFilters"][0]["destinationArn"] == arn
    await put(memory_platform, "s", (0, "INFO"))
    await put(memory_platform, "s", (0, "INFO"), (1, "ERROR x"))
    await memory_platform.clock.advance(1)
    sent = [r for r in memory_platform.records if r["kind"] == "delivery"]
    assert len({record["id"] for record in sent}) == 1
    assert (sent[0]["target"], sent[0]["operation"]) == ("lambda", "Invoke")
    assert sent[0]["input"]["FunctionName"] == arn
    data = json.loads(sent[0]["input"]["Payload"])["awslogs"]["data"]
    told = json.loads(gzip.decompress(base64.b64decode(data)))
    assert told["messageType"] == "DATA_MESSAGE"
    assert (told["owner"], told["logGroup"], told["logStream"]) == ("000000000000", "g", "s")
    assert told["subscriptionFilters"] == ["f"]
    assert [event["message"] for event in told["logEvents"]] == ["ERROR x"]
    await memory_platform("logs", "DeleteSubscriptionFilter", **about)
    listed = await memory_platform("logs", "DescribeSubscriptionFilters", logGroupName="g")
    assert listed == {"subscriptionFilters": []}


BATCHES: list[tuple[list[tuple[int, str]], str]] = [
    ([(1, "a"), (0, "b")], "must be in chronological order."),
    ([(-DAY_MS - 1, "a"), (0, "b")], "cannot span more than 24 hours."),
    ([(0, "a" * 1_048_577)], "Log event too large: "),
    ([(0, "a" * 600_000), (1, "b" * 600_000)], "Upload too large: 1200052 bytes exceeds limit of"),
    ([(0, "")], "Member must have length greater than or equal to 1"),
    ([], "Member must have length greater than or equal to 1"),
]


@pytest.mark.parametrize(("events", "words"), BATCHES)
async def test_batches_that_are_refused(
    memory_platform: MemoryPlatform, events: list[tuple[int, str]], words: str
) -> None:
    await make(memory_platform, "s")
    with pytest.raises(ServiceError) as caught:
        await put(memory_platform, "s", *events)
    assert caught.value.code == "InvalidParameterException"
    assert words in caught.value.message


async def test_subscriptions_deliver_to_a_data_stream(memory_platform: MemoryPlatform) -> None:
    await make(memory_platform, "s")
    await memory_platform("kinesis", "CreateStream", StreamName="k", ShardCount=1)
    arn = "arn:aws:kinesis:us-east-1:000000000000:stream/k"
    about = {"logGroupName": "g", "filterName": "f", "filterPattern": ""}
    await memory_platform("logs", "PutSubscriptionFilter", **about, destinationArn=arn)
    await put(memory_platform, "s", (0, "line"))
    await memory_platform.clock.advance(1)
    start = await memory_platform(
        "kinesis", "GetShardIterator", StreamName="k", ShardId="shardId-000000000000",
        ShardIteratorType="TRIM_HORIZON",
    )  # fmt: skip
    read = await memory_platform("kinesis", "GetRecords", ShardIterator=start["ShardIterator"])
    (record,) = read["Records"]
    assert record["PartitionKey"] == "s"
    told = json.loads(gzip.decompress(record["Data"]))
    assert [event["message"] for event in told["logEvents"]] == ["line"]
