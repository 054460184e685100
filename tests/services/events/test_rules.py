"""Rules match, shape and deliver; schedules fire; archives replay."""

from __future__ import annotations

import json

import pytest

from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError
from pileus.values.times import utc


async def _queue(platform: MemoryPlatform, name: str) -> tuple[str, str]:
    url = (await platform("sqs", "CreateQueue", QueueName=name))["QueueUrl"]
    return url, f"arn:aws:sqs:us-east-1:000000000000:{name}"


async def _bodies(platform: MemoryPlatform, url: str) -> list[str]:
    await platform.clock.settle()
    output = await platform("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)
    return [message["Body"] for message in output.get("Messages", ())]


async def _put(platform: MemoryPlatform, detail: dict[str, object], **more: object) -> str:
    entry = {"Source": "app", "DetailType": "Thing", "Detail": json.dumps(detail), **more}
    return (await platform("events", "PutEvents", Entries=[entry]))["Entries"][0]["EventId"]


async def test_matching_event_reaches_the_queue(memory_platform: MemoryPlatform) -> None:
    platform = memory_platform
    url, arn = await _queue(platform, "q")
    pattern = json.dumps({"source": ["app"], "detail": {"n": [{"numeric": [">", 3]}]}})
    await platform("events", "PutRule", Name="r", EventPattern=pattern)
    await platform("events", "PutTargets", Rule="r", Targets=[{"Id": "1", "Arn": arn}])
    await _put(platform, {"n": 1})
    event_id = await _put(platform, {"n": 5})
    (body,) = await _bodies(platform, url)
    event = json.loads(body)
    assert event["id"] == event_id
    assert event["detail"] == {"n": 5}
    assert event["detail-type"] == "Thing"


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ({"Input": '{"a":1}'}, '{"a":1}'),
        ({"InputPath": "$.detail.n"}, "5"),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"n": "$.detail.n"},
                    "InputTemplate": '{"got": <n>}',
                }
            },
            '{"got": 5}',
        ),
    ],
)
async def test_target_shapes_its_input(
    memory_platform: MemoryPlatform, shape: dict[str, object], expected: str
) -> None:
    platform = memory_platform
    url, arn = await _queue(platform, "q")
    await platform("events", "PutRule", Name="r", EventPattern='{"source": ["app"]}')
    await platform("events", "PutTargets", Rule="r", Targets=[{"Id": "1", "Arn": arn, **shape}])
    await _put(platform, {"n": 5})
    assert await _bodies(platform, url) == [expected]


async def test_schedule_fires_every_minute_and_after_a_restart(
    memory_platform: MemoryPlatform,
) -> None:
    platform = memory_platform
    url, arn = await _queue(platform, "q")
    await platform("events", "PutRule", Name="r", ScheduleExpression="rate(1 minute)")
    await platform("events", "PutTargets", Rule="r", Targets=[{"Id": "1", "Arn": arn}])
    await platform.clock.advance(125_000)
    bodies = await _bodies(platform, url)
    assert len(bodies) == 2
    assert json.loads(bodies[0])["detail-type"] == "Scheduled Event"
    platform = await platform.restart()
    await platform.clock.advance(60_000)
    assert len(await _bodies(platform, url)) >= 1
    await platform.crash()


async def test_undeliverable_event_goes_to_the_dead_letter_queue(
    memory_platform: MemoryPlatform,
) -> None:
    platform = memory_platform
    url, letter = await _queue(platform, "letters")
    gone = "arn:aws:sqs:us-east-1:000000000000:gone"
    target = {"Id": "1", "Arn": gone, "DeadLetterConfig": {"Arn": letter}}
    await platform("events", "PutRule", Name="r", EventPattern='{"source": ["app"]}')
    await platform("events", "PutTargets", Rule="r", Targets=[target])
    await _put(platform, {"n": 5})
    await platform.clock.settle()
    output = await platform("sqs", "ReceiveMessage", QueueUrl=url, MessageAttributeNames=["All"])
    attributes = output["Messages"][0]["MessageAttributes"]
    assert attributes["TARGET_ARN"]["StringValue"] == gone
    assert attributes["ERROR_CODE"]["StringValue"] == "QueueDoesNotExist"


async def test_replay_sends_archived_events_again(memory_platform: MemoryPlatform) -> None:
    platform = memory_platform
    url, arn = await _queue(platform, "q")
    bus = "arn:aws:events:us-east-1:000000000000:event-bus/default"
    start = utc(platform.clock.now_ms())
    archive = await platform("events", "CreateArchive", ArchiveName="a", EventSourceArn=bus)
    await platform.clock.advance(1000)
    await _put(platform, {"n": 5})
    await platform.clock.advance(1000)
    await platform("events", "PutRule", Name="r", EventPattern='{"source": ["app"]}')
    await platform("events", "PutTargets", Rule="r", Targets=[{"Id": "1", "Arn": arn}])
    await platform(
        "events",
        "StartReplay",
        ReplayName="again",
        EventSourceArn=archive["ArchiveArn"],
        EventStartTime=start,
        EventEndTime=utc(platform.clock.now_ms()),
        Destination={"Arn": bus},
    )
    await platform.clock.advance(100)
    (body,) = await _bodies(platform, url)
    assert json.loads(body)["replay-name"] == "again"
    replay = await platform("events", "DescribeReplay", ReplayName="again")
    assert replay["State"] == "COMPLETED"


async def test_entries_fail_one_by_one(memory_platform: MemoryPlatform) -> None:
    entries = [
        {"Source": "app", "DetailType": "Thing", "Detail": "{}"},
        {"Source": "app", "DetailType": "Thing", "Detail": "no json"},
        {"Source": "aws.s3", "DetailType": "Thing", "Detail": "{}"},
    ]
    output = await memory_platform("events", "PutEvents", Entries=entries)
    assert output["FailedEntryCount"] == 2
    codes = [entry.get("ErrorCode") for entry in output["Entries"]]
    assert codes == [None, "MalformedDetail", "NotAuthorizedForSourceException"]


@pytest.mark.parametrize(
    ("operation", "given", "code"),
    [
        ("PutRule", {"Name": "r"}, "ValidationException"),
        ("PutRule", {"Name": "r", "ScheduleExpression": "rate(1 minutes)"}, "ValidationException"),
        ("PutRule", {"Name": "r", "EventPattern": "{"}, "InvalidEventPatternException"),
        ("DescribeRule", {"Name": "nobody"}, "ResourceNotFoundException"),
        ("DeleteEventBus", {"Name": "default"}, "ValidationException"),
        ("CreateEventBus", {"Name": "default"}, "ResourceAlreadyExistsException"),
    ],
)
async def test_refusals(
    memory_platform: MemoryPlatform, operation: str, given: dict[str, object], code: str
) -> None:
    with pytest.raises(ServiceError) as caught:
        await memory_platform("events", operation, **given)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("path", "key"),
    [("$.detail.user", "ann"), ("$.detail.n", "5"), ("$.detail.none", None), (None, None)],
)
async def test_a_stream_gets_the_event_under_its_key(
    memory_platform: MemoryPlatform, path: str | None, key: str | None
) -> None:
    platform = memory_platform
    await platform("kinesis", "CreateStream", StreamName="s", ShardCount=1)
    target: dict[str, object] = {
        "Id": "1",
        "Arn": "arn:aws:kinesis:us-east-1:000000000000:stream/s",
    }
    if path:
        target["KinesisParameters"] = {"PartitionKeyPath": path}
    await platform("events", "PutRule", Name="r", EventPattern='{"source": ["app"]}')
    await platform("events", "PutTargets", Rule="r", Targets=[target])
    event_id = await _put(platform, {"n": 5, "user": "ann"})
    await platform.clock.advance(1)
    start = await platform(
        "kinesis", "GetShardIterator", StreamName="s", ShardId="shardId-000000000000",
        ShardIteratorType="TRIM_HORIZON",
    )  # fmt: skip
    read = await platform("kinesis", "GetRecords", ShardIterator=start["ShardIterator"])
    (record,) = read["Records"]
    assert record["PartitionKey"] == (key or event_id)
    assert json.loads(record["Data"])["id"] == event_id


async def test_a_busy_stream_is_tried_again(memory_platform: MemoryPlatform) -> None:
    platform = memory_platform
    await platform("kinesis", "CreateStream", StreamName="s", ShardCount=1)
    target = {"Id": "1", "Arn": "arn:aws:kinesis:us-east-1:000000000000:stream/s"}
    await platform("events", "PutRule", Name="r", EventPattern='{"source": ["app"]}')
    await platform("events", "PutTargets", Rule="r", Targets=[target])
    full = {"Data": bytes(1024 * 1024 - 1), "PartitionKey": "k"}
    await platform("kinesis", "PutRecord", StreamName="s", **full)
    await _put(platform, {"n": 1})
    await platform.clock.advance(10_000)
    start = await platform(
        "kinesis", "GetShardIterator", StreamName="s", ShardId="shardId-000000000000",
        ShardIteratorType="TRIM_HORIZON",
    )  # fmt: skip
    read = await platform("kinesis", "GetRecords", ShardIterator=start["ShardIterator"])
    assert len(read["Records"]) == 2
