"""Queues as event sources: batches, windows, filters, partial failures, order, limits, ends."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

import pytest

from pileus.testing.compute import ScriptedCompute, add_function
from pileus.testing.fake_nodes import Answer, Program
from pileus.testing.platform import MemoryPlatform

from .conftest import Recorder, add_queue, drained, refused

QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
INVALID = ("InvalidParameterValueException", 400)


async def _map(platform: MemoryPlatform, name: str = "q", **more: Any) -> dict[str, Any]:
    arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
    return await platform(
        "lambda", "CreateEventSourceMapping", EventSourceArn=arn, FunctionName="f", **more
    )


async def _send(platform: MemoryPlatform, *bodies: str, name: str = "q", **more: Any) -> None:
    url = (await platform("sqs", "GetQueueUrl", QueueName=name))["QueueUrl"]
    for body in bodies:
        await platform("sqs", "SendMessage", QueueUrl=url, MessageBody=body, **more)


async def _depth(platform: MemoryPlatform, name: str = "q") -> int:
    url = (await platform("sqs", "GetQueueUrl", QueueName=name))["QueueUrl"]
    given = {"QueueUrl": url, "AttributeNames": ["All"]}
    attributes = (await platform("sqs", "GetQueueAttributes", **given))["Attributes"]
    return sum(
        int(attributes[f"ApproximateNumberOfMessages{kind}"])
        for kind in ("", "NotVisible", "Delayed")
    )


async def test_messages_become_events_and_leave_the_queue(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_queue(platform, "q")
    await add_function(platform, "f", "app.echo")
    made = await _map(platform)
    assert made["State"] == "Creating" and "LastProcessingResult" not in made
    attributes = {
        "kind": {"DataType": "String", "StringValue": "greeting"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\0"},
    }
    await _send(platform, "hello", MessageAttributes=attributes)
    await platform.clock.advance(1000)
    ((record,),) = [event["Records"] for event in recorder.events]
    assert record.pop("messageId") and record.pop("receiptHandle")
    received = record.pop("attributes")
    assert received["ApproximateReceiveCount"] == "1" and "SentTimestamp" in received
    assert record == {
        "body": "hello",
        "messageAttributes": {
            "kind": {
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "String",
                "stringValue": "greeting",
            },
            "raw": {
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "Binary",
                "binaryValue": "AA==",
            },
        },
        "md5OfBody": "5d41402abc4b2a76b9719d911017c592",
        "eventSource": "aws:sqs",
        "eventSourceARN": QUEUE,
        "awsRegion": "us-east-1",
    } | {name: record[name] for name in record if name == "md5OfMessageAttributes"}
    assert await _depth(platform) == 0
    shown = await platform("lambda", "GetEventSourceMapping", UUID=made["UUID"])
    assert (shown["State"], shown["LastProcessingResult"]) == ("Enabled", "OK")


async def test_batches_are_no_larger_than_wished(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_queue(platform, "q")
    await add_function(platform, "f", "app.echo")
    await _send(platform, *[str(n) for n in range(8)])
    await _map(platform, BatchSize=3)
    await platform.clock.advance(1000)
    assert sorted(len(batch) for batch in recorder.bodies) == [2, 3, 3]


async def test_window_gathers_a_batch(platform: MemoryPlatform, recorder: Recorder) -> None:
    await add_queue(platform, "q")
    await add_function(platform, "f", "app.echo")
    await _map(platform, BatchSize=100, MaximumBatchingWindowInSeconds=10)
    for number in range(4):
        await _send(platform, str(number))
        await platform.clock.advance(2000)
    assert recorder.bodies == []
    await platform.clock.advance(3000)
    assert recorder.bodies == [["0", "1", "2", "3"]]


async def test_full_batch_does_not_wait_for_its_window(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_queue(platform, "q")
    await add_function(platform, "f", "app.echo")
    await _send(platform, *[str(n) for n in range(25)])
    await _map(platform, BatchSize=25, MaximumBatchingWindowInSeconds=300)
    await platform.clock.advance(1000)
    assert [len(batch) for batch in recorder.bodies] == [25]


async def test_payload_of_a_batch_stays_below_six_megabytes(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_queue(platform, "q")
    await add_function(platform, "f", "app.echo")
    await _send(platform, *["x" * 1_000_000 for _ in range(10)])
    await _map(platform, BatchSize=10)
    await platform.clock.advance(1000)
    assert sorted(len(batch) for batch in recorder.bodies) == [4, 6]
    assert max(len(each.payload) for each in recorder.invocations) <= 6_291_456
    assert await _depth(platform) == 0


async def test_filters_drop_what_does_not_match(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_queue(platform, "q")
    await add_function(platform, "f", "app.echo")
    patterns = ['{"body": {"kind": ["a"]}}', '{"body": {"n": [{"numeric": [">", 5]}]}}']
    await _map(platform, FilterCriteria={"Filters": [{"Pattern": p} for p in patterns]})
    bodies = ['{"kind": "a"}', '{"kind": "b"}', '{"n": 6}', '{"n": 5}', "no json"]
    await _send(platform, *bodies)
    await platform.clock.advance(1000)
    assert sorted(chain(*recorder.bodies)) == ['{"kind": "a"}', '{"n": 6}']
    assert await _depth(platform) == 0


async def test_failed_batch_comes_back_and_ends_as_dead_letters(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    letters = await add_queue(platform, "letters")
    policy = json.dumps({"deadLetterTargetArn": letters, "maxReceiveCount": 3})
    await add_queue(platform, "q", VisibilityTimeout="30", RedrivePolicy=policy)
    await add_function(platform, "f", "app.fail")
    made = await _map(platform)
    await _send(platform, "x")
    await platform.clock.advance(200_000)
    assert recorder.bodies == [["x"]] * 3
    assert [letter["Body"] for letter in await drained(platform, "letters")] == ["x"]
    shown = await platform("lambda", "GetEventSourceMapping", UUID=made["UUID"])
    assert shown["LastProcessingResult"] == "PROBLEM: Function call failed"


def _reports(document: Any) -> Program:
    """A function that answers with ``document``, where ``ids`` stands for ids of odd messages."""

    def handle(invocation: Any, number: int) -> Answer:
        records = json.loads(invocation.payload)["Records"]
        failures = [{"itemIdentifier": r["messageId"]} for r in records if r["body"] in ("1", "3")]
        answer = {"batchItemFailures": failures} if document == "ids" else document
        return Answer(json.dumps(answer).encode())

    return Program(handle)


@pytest.mark.parametrize(
    ("document", "left"),
    [
        ("ids", 2),
        ({"batchItemFailures": []}, 0),
        ({"batchItemFailures": None}, 0),
        ({}, 0),
        (None, 0),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, 4),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, 4),
        ({"batchItemFailures": [{"wrong": "x"}]}, 4),
        ({"batchItemFailures": [{"itemIdentifier": "of nobody"}]}, 4),
        ({"batchItemFailures": "x"}, 4),
        ("text", 4),
    ],
)
async def test_reported_failures_alone_come_back(
    platform: MemoryPlatform, compute: ScriptedCompute, document: Any, left: int
) -> None:
    compute.programs["app.report"] = _reports(document)
    await add_queue(platform, "q", VisibilityTimeout="3600")
    await add_function(platform, "f", "app.report")
    await _send(platform, "0", "1", "2", "3")
    await _map(platform, FunctionResponseTypes=["ReportBatchItemFailures"])
    await platform.clock.advance(1000)
    assert await _depth(platform) == left


async def test_fifo_groups_keep_their_order(platform: MemoryPlatform, recorder: Recorder) -> None:
    await add_queue(platform, "q.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    await add_function(platform, "f", "app.slow")
    await _map(platform, "q.fifo", BatchSize=2)
    for number in range(6):
        await _send(platform, f"a{number}", name="q.fifo", MessageGroupId="a")
        await _send(platform, f"b{number}", name="q.fifo", MessageGroupId="b")
    await platform.clock.advance(60_000)
    handled = list(chain(*recorder.bodies))
    for group in "ab":
        assert [body for body in handled if body[0] == group] == [f"{group}{n}" for n in range(6)]
    assert await _depth(platform, "q.fifo") == 0


async def test_failed_fifo_message_holds_its_group_up(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    seen: list[str] = []

    def handle(invocation: Any, number: int) -> Answer:
        body = json.loads(invocation.payload)["Records"][0]["body"]
        seen.append(body)
        return Answer(is_error=len(seen) == 1)

    compute.programs["app.once"] = Program(handle)
    await add_queue(
        platform, "q.fifo", FifoQueue="true", ContentBasedDeduplication="true",
        VisibilityTimeout="30",
    )  # fmt: skip
    await add_function(platform, "f", "app.once")
    for body in "123":
        await _send(platform, body, name="q.fifo", MessageGroupId="g")
    await _map(platform, "q.fifo", BatchSize=1)
    await platform.clock.advance(120_000)
    assert seen == ["1", "1", "2", "3"]


@pytest.mark.parametrize(("wished", "most"), [(2, 2), (None, 10)])
async def test_batches_at_one_time_are_bounded(
    platform: MemoryPlatform, compute: ScriptedCompute, wished: int | None, most: int
) -> None:
    await add_queue(platform, "q", VisibilityTimeout="900")
    await add_function(platform, "f", "app.minute", Timeout=100)
    await _send(platform, *[str(n) for n in range(20)])
    scaling = {"ScalingConfig": {"MaximumConcurrency": wished}} if wished else {}
    await _map(platform, BatchSize=1, **scaling)
    await platform.clock.advance(30_000)
    assert compute.nodes.running_count == most
    await platform.clock.advance(800_000)
    assert await _depth(platform) == 0


async def test_disabled_mapping_polls_again_when_enabled(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_queue(platform, "q")
    await add_function(platform, "f", "app.echo")
    made = await _map(platform, Enabled=False)
    await _send(platform, "x")
    await platform.clock.advance(60_000)
    assert recorder.bodies == []
    shown = await platform("lambda", "GetEventSourceMapping", UUID=made["UUID"])
    assert shown["State"] == "Disabled"
    given = {"UUID": made["UUID"], "Enabled": True}
    changed = await platform("lambda", "UpdateEventSourceMapping", **given)
    assert changed["State"] == "Enabling"
    await platform.clock.advance(1000)
    assert recorder.bodies == [["x"]]
    changed = await platform("lambda", "UpdateEventSourceMapping", UUID=made["UUID"], Enabled=False)
    assert changed["State"] == "Disabling"
    await _send(platform, "y")
    await platform.clock.advance(60_000)
    assert recorder.bodies == [["x"]]


async def test_deleted_mapping_polls_no_more(platform: MemoryPlatform, recorder: Recorder) -> None:
    await add_queue(platform, "q")
    await add_function(platform, "f", "app.echo")
    made = await _map(platform)
    gone = await platform("lambda", "DeleteEventSourceMapping", UUID=made["UUID"])
    assert gone["State"] == "Deleting"
    await _send(platform, "x")
    await platform.clock.advance(60_000)
    assert recorder.bodies == [] and await _depth(platform) == 1
    assert await refused(platform, "GetEventSourceMapping", UUID=made["UUID"]) == (
        "ResourceNotFoundException",
        404,
        "The resource you requested does not exist.",
    )


async def test_polling_goes_on_after_a_restart(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_queue(platform, "q")
    await add_function(platform, "f", "app.echo")
    await _map(platform)
    again = await platform.restart()
    await _send(again, "x")
    await again.clock.advance(1000)
    assert recorder.bodies == [["x"]]
    await again.crash()


async def test_deleted_function_leaves_messages_where_they_are(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_queue(platform, "q")
    await add_function(platform, "f", "app.echo")
    made = await _map(platform)
    await platform("lambda", "DeleteFunction", FunctionName="f")
    # The long poll under way may still take one batch.
    await platform.clock.advance(25_000)
    await _send(platform, "x")
    await platform.clock.advance(120_000)
    url = (await platform("sqs", "GetQueueUrl", QueueName="q"))["QueueUrl"]
    (message,) = (await platform("sqs", "ReceiveMessage", QueueUrl=url, AttributeNames=["All"]))[
        "Messages"
    ]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    shown = await platform("lambda", "GetEventSourceMapping", UUID=made["UUID"])
    assert shown["LastProcessingResult"].startswith("PROBLEM: Function not found")


async def test_deleted_queue_is_told_and_polled_seldom(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_queue(platform, "q")
    await add_function(platform, "f", "app.echo")
    made = await _map(platform)
    url = (await platform("sqs", "GetQueueUrl", QueueName="q"))["QueueUrl"]
    await platform("sqs", "DeleteQueue", QueueUrl=url)
    await platform.clock.advance(600_000)
    shown = await platform("lambda", "GetEventSourceMapping", UUID=made["UUID"])
    assert shown["LastProcessingResult"].startswith("PROBLEM: The specified queue does not exist")
    polls = [r for r in platform.records if r.get("operation") == "ReceiveMessage"]
    assert len(polls) < 40


async def test_throttled_batch_comes_back(platform: MemoryPlatform, recorder: Recorder) -> None:
    await add_queue(platform, "q", VisibilityTimeout="30")
    await add_function(platform, "f", "app.echo")
    reserve = {"FunctionName": "f", "ReservedConcurrentExecutions": 0}
    await platform("lambda", "PutFunctionConcurrency", **reserve)
    made = await _map(platform)
    await _send(platform, "x")
    await platform.clock.advance(5_000)
    shown = await platform("lambda", "GetEventSourceMapping", UUID=made["UUID"])
    assert shown["LastProcessingResult"] == "PROBLEM: Rate Exceeded."
    await platform("lambda", "DeleteFunctionConcurrency", FunctionName="f")
    await platform.clock.advance(60_000)
    assert recorder.bodies == [["x"]]


# -- refusals ----------------------------------------------------------------------------------

REFUSALS: list[tuple[dict[str, Any], tuple[str, int, str]]] = [
    ({"FunctionName": "none"}, (*INVALID, "Function does not exist")),
    (
        {"EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:none"},
        (
            *INVALID,
            "Error occurred while ReceiveMessage. SQS Error Code: "
            "AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does "
            "not exist.",
        ),
    ),
    (
        {"EventSourceArn": "arn:aws:kafka:us-east-1:000000000000:cluster/c/1"},
        (
            *INVALID,
            "Pileus has no Amazon MSK clusters. A Kafka cluster of your own is an event source with "
            "SelfManagedEventSource.",
        ),
    ),
    (
        {"StartingPosition": "LATEST"},
        (*INVALID, "StartingPosition is not valid for SQS event sources."),
    ),
    (
        {"BatchSize": 11},
        (
            *INVALID,
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is "
            "greater than 10",
        ),
    ),
    (
        {"EventSourceArn": QUEUE + "short"},
        (
            *INVALID,
            "Queue visibility timeout: 2 seconds is less than Function timeout: 3 seconds",
        ),
    ),
]


@pytest.mark.parametrize(("change", "error"), REFUSALS)
async def test_mapping_is_refused(
    platform: MemoryPlatform, change: dict[str, Any], error: tuple[str, int, str]
) -> None:
    await add_queue(platform, "q")
    await add_queue(platform, "qshort", VisibilityTimeout="2")
    await add_function(platform, "f", "app.echo")
    given = {"EventSourceArn": QUEUE, "FunctionName": "f", **change}
    assert await refused(platform, "CreateEventSourceMapping", **given) == error
    assert (await platform("lambda", "ListEventSourceMappings"))["EventSourceMappings"] == []


async def test_filter_must_be_a_pattern(platform: MemoryPlatform) -> None:
    await add_queue(platform, "q")
    await add_function(platform, "f", "app.echo")
    given = {"EventSourceArn": QUEUE, "FunctionName": "f"}
    criteria = {"Filters": [{"Pattern": '{"body": "x"}'}]}
    code, status, message = await refused(
        platform, "CreateEventSourceMapping", FilterCriteria=criteria, **given
    )
    assert (code, status) == INVALID
    assert message.startswith("Invalid filter pattern definition.")


async def test_queue_and_function_are_mapped_once(platform: MemoryPlatform) -> None:
    await add_queue(platform, "q")
    await add_function(platform, "f", "app.echo")
    made = await _map(platform)
    given = {"EventSourceArn": QUEUE, "FunctionName": "f"}
    assert await refused(platform, "CreateEventSourceMapping", **given) == (
        "ResourceConflictException",
        409,
        f'An event source mapping with SQS arn (" {QUEUE} ") and function (" f ") already exists. '
        f"Please update or delete the existing mapping with UUID {made['UUID']}",
    )
    found = await platform("lambda", "ListEventSourceMappings", FunctionName="f")
    assert [each["UUID"] for each in found["EventSourceMappings"]] == [made["UUID"]]
    tagged = made["EventSourceMappingArn"]
    await platform("lambda", "TagResource", Resource=tagged, Tags={"a": "1"})
    assert await platform("lambda", "ListTags", Resource=tagged) == {"Tags": {"a": "1"}}
