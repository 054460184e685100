"""What EventBridge refuses and shows, sentence by sentence as AWS was seen to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError
from pileus.values.times import utc

EVENTS = "arn:aws:events:us-east-1:000000000000:"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
STREAM = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
BATCH = "arn:aws:batch:us-east-1:000000000000:job-queue/c"
PATTERN = '{"source": ["app"]}'
ENTRY = {"Source": "app", "DetailType": "Thing", "Detail": "{}"}
REPLAY = {
    "ReplayName": "again",
    "EventSourceArn": f"{EVENTS}archive/a",
    "EventStartTime": utc(0),
    "EventEndTime": utc(1000),
    "Destination": {"Arn": f"{EVENTS}event-bus/default"},
}


@pytest.fixture
async def platform(memory_platform: MemoryPlatform) -> MemoryPlatform:
    await memory_platform("events", "PutRule", Name="r", EventPattern=PATTERN)
    bus = f"{EVENTS}event-bus/default"
    await memory_platform("events", "CreateArchive", ArchiveName="a", EventSourceArn=bus)
    await memory_platform("events", "CreateEventBus", Name="b")
    return memory_platform


@pytest.mark.parametrize(
    ("operation", "given", "code", "message"),
    [
        ("PutRule", {"Name": "s"}, "ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified."),
        ("PutRule", {"Name": "s", "ScheduleExpression": "at(2026-01-01T00:00:00)"}, "ValidationException", "Parameter ScheduleExpression is not valid."),
        ("PutRule", {"Name": "s", "EventBusName": "b", "ScheduleExpression": "rate(1 day)"}, "ValidationException", "ScheduleExpression is supported only on the default event bus."),
        ("PutRule", {"Name": "s", "EventBusName": f"{EVENTS}event-bus/no", "EventPattern": PATTERN}, "ResourceNotFoundException", "Event bus no does not exist."),
        ("DescribeRule", {"Name": "no"}, "ResourceNotFoundException", "Rule no does not exist on EventBus default."),
        ("PutTargets", {"Rule": "no", "Targets": [{"Id": "1", "Arn": QUEUE}]}, "ResourceNotFoundException", "Rule no does not exist on EventBus default."),
        ("PutTargets", {"Rule": "r", "Targets": [{"Id": "1", "Arn": "x"}]}, "ValidationException", "Parameter x is not valid. Reason: Provided Arn is not in correct format."),
        ("PutTargets", {"Rule": "r", "Targets": [{"Id": "1", "Arn": STREAM, "KinesisParameters": {"PartitionKeyPath": "detail"}}]}, "ValidationException", "Invalid JSONPath: detail"),
        ("PutTargets", {"Rule": "r", "Targets": [{"Id": "1", "Arn": BATCH}]}, "ValidationException", f"Pileus cannot deliver to batch targets yet: {BATCH}"),
        ("PutTargets", {"Rule": "r", "Targets": [{"Id": "1", "Arn": QUEUE, "Input": "no json"}]}, "ValidationException", "JSON syntax error in input for target 1."),
        ("PutTargets", {"Rule": "r", "Targets": [{"Id": "1", "Arn": QUEUE + ".fifo"}]}, "ValidationException", "Parameter(s) SqsParameters must be specified for target: 1."),
        ("PutTargets", {"Rule": "r", "Targets": [{"Id": "1", "Arn": QUEUE, "RetryPolicy": {"MaximumRetryAttempts": 186}}]}, "ValidationException", "1 validation error detected: Value '186' at 'targets.1.member.retryPolicy.maximumRetryAttempts' failed to satisfy constraint: Member must have value less than or equal to 185"),
        ("RemovePermission", {"StatementId": "s"}, "ResourceNotFoundException", "EventBus does not have a policy."),
        ("PutPermission", {"Action": "events:ListRules", "Principal": "*", "StatementId": "s"}, "ValidationException", "Provided value in parameter 'action' is not supported."),
        ("ListTagsForResource", {"ResourceARN": "x"}, "ValidationException", "Parameter x is not valid. Reason: Provided Arn is not in correct format."),
        ("CreateArchive", {"ArchiveName": "a", "EventSourceArn": f"{EVENTS}event-bus/default"}, "ResourceAlreadyExistsException", "Archive a already exists."),
        ("CreateArchive", {"ArchiveName": "n", "EventSourceArn": f"{EVENTS}event-bus/no"}, "ResourceNotFoundException", "Event bus no does not exist."),
        ("ListArchives", {"EventSourceArn": f"{EVENTS}event-bus/no"}, "ResourceNotFoundException", "Event bus no does not exist."),
        ("ListArchives", {"NamePrefix": "a", "State": "ENABLED"}, "ValidationException", "At most one filter is allowed for ListArchives. Use either : State, EventSourceArn, or NamePrefix."),
        ("StartReplay", {**REPLAY, "EventSourceArn": f"{EVENTS}archive/no"}, "ValidationException", "Parameter EventSourceArn is not valid. Reason: Archive no does not exist."),
        ("StartReplay", {**REPLAY, "EventSourceArn": f"{EVENTS}rule/r"}, "ValidationException", "Parameter EventSourceArn is not valid. Reason: Must contain an archive ARN."),
        ("StartReplay", {**REPLAY, "Destination": {"Arn": QUEUE}}, "ValidationException", "Parameter Destination.Arn is not valid. Reason: Must contain an event bus ARN."),
        ("StartReplay", {**REPLAY, "Destination": {"Arn": f"{EVENTS}event-bus/b"}}, "ValidationException", "Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted."),
        ("StartReplay", {**REPLAY, "EventEndTime": utc(0)}, "ValidationException", "Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime."),
        ("CreateConnection", {"Name": "c", "AuthorizationType": "API_KEY", "AuthParameters": {}}, "NotImplemented", "Pileus does not implement events:CreateConnection yet."),
        ("CreateApiDestination", {"Name": "d", "ConnectionArn": f"{EVENTS}connection/c/00000000-0000-0000-0000-000000000000", "InvocationEndpoint": "https://example.com", "HttpMethod": "GET"}, "NotImplemented", "Pileus does not implement events:CreateApiDestination yet."),
    ],
)  # fmt: skip
async def test_refusals(
    platform: MemoryPlatform, operation: str, given: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(ServiceError) as caught:
        await platform("events", operation, **given)
    assert (caught.value.code, caught.value.message) == (code, message)


async def test_too_many_entries_are_shown_as_the_service_prints_them(
    platform: MemoryPlatform,
) -> None:
    with pytest.raises(ServiceError) as caught:
        await platform("events", "PutEvents", Entries=[ENTRY] * 11)
    one = (
        "PutEventsRequestEntry(time=null, source=app, resources=null, detailType=Thing, detail={}, "
        "eventBusName=null, traceHeader=null, kmsKeyIdentifier=null, internalMetadata=null)"
    )
    assert caught.value.message == (
        f"1 validation error detected: Value '[{', '.join([one] * 11)}]' at 'entries' failed to "
        "satisfy constraint: Member must have length less than or equal to 10"
    )


async def test_an_event_for_no_bus_is_accepted(platform: MemoryPlatform) -> None:
    entries = [{**ENTRY, "EventBusName": "nowhere"}]
    output = await platform("events", "PutEvents", Entries=entries)
    assert output["FailedEntryCount"] == 0
    assert set(output["Entries"][0]) == {"EventId"}


async def test_a_statement_that_is_not_there(platform: MemoryPlatform) -> None:
    given = {"Action": "events:PutEvents", "Principal": "111122223333", "StatementId": "s"}
    await platform("events", "PutPermission", **given)
    with pytest.raises(ServiceError) as caught:
        await platform("events", "RemovePermission", StatementId="t")
    assert caught.value.message == "Statement with the provided id does not exist."
    await platform("events", "RemovePermission", StatementId="s")
    assert "Policy" not in await platform("events", "DescribeEventBus")


async def test_an_event_goes_to_the_bus_of_another_account(platform: MemoryPlatform) -> None:
    theirs = replace(platform.context, account="111111111111")

    async def ask(service: str, operation: str, **given: Any) -> dict[str, Any]:
        work = platform.kernel.invoke(theirs, service, operation, given)
        return dict((await platform.clock.run(work)).output)

    url = (await ask("sqs", "CreateQueue", QueueName="q"))["QueueUrl"]
    await ask("events", "PutRule", Name="r", EventPattern=PATTERN)
    target = {"Id": "1", "Arn": "arn:aws:sqs:us-east-1:111111111111:q"}
    await ask("events", "PutTargets", Rule="r", Targets=[target])
    bus = "arn:aws:events:us-east-1:111111111111:event-bus/default"
    moment = utc(1_600_000_000_000)
    entries = [{**ENTRY, "EventBusName": bus, "Time": moment}]
    await platform("events", "PutEvents", Entries=entries)
    await platform.clock.settle()
    (message,) = (await ask("sqs", "ReceiveMessage", QueueUrl=url))["Messages"]
    event = json.loads(message["Body"])
    assert (event["source"], event["time"]) == ("app", "2020-09-13T12:26:40Z")


async def test_replays_that_are_over_cannot_be_cancelled(platform: MemoryPlatform) -> None:
    await platform("events", "StartReplay", **REPLAY)
    await platform.clock.advance(100)
    with pytest.raises(ServiceError) as caught:
        await platform("events", "CancelReplay", ReplayName="again")
    assert caught.value.message == "Replay again is not in a valid state for this operation."
