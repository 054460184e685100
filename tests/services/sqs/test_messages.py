"""Messages: visibility, delay, order, dead letters, redrive, long polls."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError


async def _create(platform: MemoryPlatform, name: str = "q", **attributes: str) -> str:
    output = await platform("sqs", "CreateQueue", QueueName=name, Attributes=attributes)
    return str(output["QueueUrl"])


async def _send(platform: MemoryPlatform, url: str, body: str, **more: Any) -> dict[str, Any]:
    return await platform("sqs", "SendMessage", QueueUrl=url, MessageBody=body, **more)


async def _receive(platform: MemoryPlatform, url: str, **more: Any) -> list[dict[str, Any]]:
    given = {"MaxNumberOfMessages": 10, "AttributeNames": ["All"], **more}
    output = await platform("sqs", "ReceiveMessage", QueueUrl=url, **given)
    return list(output.get("Messages", ()))


async def test_received_message_is_hidden_until_its_timeout(
    memory_platform: MemoryPlatform,
) -> None:
    url = await _create(memory_platform)
    await _send(memory_platform, url, "x")
    (first,) = await _receive(memory_platform, url, VisibilityTimeout=10)
    assert await _receive(memory_platform, url) == []
    await memory_platform.clock.advance(10_000)
    (again,) = await _receive(memory_platform, url)
    assert again["MessageId"] == first["MessageId"]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


async def test_handle_survives_a_change_of_visibility(memory_platform: MemoryPlatform) -> None:
    url = await _create(memory_platform)
    await _send(memory_platform, url, "x")
    (message,) = await _receive(memory_platform, url)
    given = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
    await memory_platform("sqs", "ChangeMessageVisibility", VisibilityTimeout=300, **given)
    await memory_platform.clock.advance(60_000)
    assert await _receive(memory_platform, url) == []
    await memory_platform("sqs", "DeleteMessage", **given)
    await memory_platform.clock.advance(600_000)
    assert await _receive(memory_platform, url) == []


async def test_old_handle_deletes_nothing(memory_platform: MemoryPlatform) -> None:
    url = await _create(memory_platform, VisibilityTimeout="1")
    await _send(memory_platform, url, "x")
    (old,) = await _receive(memory_platform, url)
    await memory_platform.clock.advance(1_000)
    await _receive(memory_platform, url)
    await memory_platform("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=old["ReceiptHandle"])
    await memory_platform.clock.advance(1_000)
    assert len(await _receive(memory_platform, url)) == 1


async def test_visibility_changes_only_in_flight(memory_platform: MemoryPlatform) -> None:
    url = await _create(memory_platform, VisibilityTimeout="1")
    await _send(memory_platform, url, "x")
    (message,) = await _receive(memory_platform, url)
    await memory_platform.clock.advance(2_000)
    handle = message["ReceiptHandle"]
    change = {"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 5}
    # Visible again: accepted without effect, as on AWS.
    await memory_platform("sqs", "ChangeMessageVisibility", **change)
    (again,) = await _receive(memory_platform, url)
    await memory_platform(
        "sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=again["ReceiptHandle"]
    )
    with pytest.raises(ServiceError) as caught:
        await memory_platform("sqs", "ChangeMessageVisibility", **change)
    assert "not available for visibility timeout change" in caught.value.message


async def test_nothing_is_invisible_for_more_than_twelve_hours(
    memory_platform: MemoryPlatform,
) -> None:
    url = await _create(memory_platform, VisibilityTimeout="43200")
    await _send(memory_platform, url, "x")
    (message,) = await _receive(memory_platform, url)
    await memory_platform.clock.advance(10_000)
    change = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
    with pytest.raises(ServiceError) as caught:
        await memory_platform("sqs", "ChangeMessageVisibility", VisibilityTimeout=43_200, **change)
    assert caught.value.message.endswith("beyond the limit [43200 seconds]")
    await memory_platform("sqs", "ChangeMessageVisibility", VisibilityTimeout=43_190, **change)


async def test_expired_handle_of_a_fifo_queue_is_refused(memory_platform: MemoryPlatform) -> None:
    url = await _create(memory_platform, "q.fifo", FifoQueue="true", VisibilityTimeout="1")
    await _send(memory_platform, url, "x", MessageGroupId="g", MessageDeduplicationId="d")
    (message,) = await _receive(memory_platform, url)
    await memory_platform.clock.advance(1_000)
    given = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
    with pytest.raises(ServiceError) as caught:
        await memory_platform("sqs", "DeleteMessage", **given)
    assert caught.value.message.endswith("Reason: The receipt handle has expired.")
    (message,) = await _receive(memory_platform, url)
    given = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
    await memory_platform("sqs", "DeleteMessage", **given)
    await memory_platform("sqs", "DeleteMessage", **given)


async def test_a_receive_can_be_repeated_by_its_attempt(memory_platform: MemoryPlatform) -> None:
    platform = memory_platform
    url = await _create(platform, "q.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    for body in "abc":
        await _send(platform, url, body, MessageGroupId="g")
    attempt = {"MaxNumberOfMessages": 2, "ReceiveRequestAttemptId": "try"}
    first = await _receive(platform, url, **attempt)
    await platform.clock.advance(20_000)
    assert await _receive(platform, url, **attempt) == first
    # The repetition began the visibility timeout anew.
    await platform.clock.advance(20_000)
    assert await _receive(platform, url) == []
    for message in first:
        given = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
        await platform("sqs", "DeleteMessage", **given)
    assert [m["Body"] for m in await _receive(platform, url, **attempt)] == ["c"]


async def test_deduplication_scope_is_queue_or_group(memory_platform: MemoryPlatform) -> None:
    platform = memory_platform
    scopes = {"queue": 1, "messageGroup": 2}
    for scope, kept in scopes.items():
        url = await _create(platform, f"{scope}.fifo", FifoQueue="true", DeduplicationScope=scope)
        for group in ("g", "h"):
            given = {"MessageGroupId": group, "MessageDeduplicationId": "d"}
            await _send(platform, url, "x", **given)
        assert len(await _receive(platform, url)) == kept


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["SenderId"], {"SenderId"}),
        (["SentTimestamp", "ApproximateReceiveCount"], {"SentTimestamp", "ApproximateReceiveCount"}),
        (["All"], {"SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("member", ["AttributeNames", "MessageSystemAttributeNames"])
async def test_attributes_of_messages_by_either_name(
    memory_platform: MemoryPlatform, member: str, names: list[str], shown: set[str]
) -> None:
    url = await _create(memory_platform)
    await _send(memory_platform, url, "x")
    output = await memory_platform("sqs", "ReceiveMessage", QueueUrl=url, **{member: names})
    assert set(output["Messages"][0]["Attributes"]) == shown
    with pytest.raises(ServiceError) as caught:
        await memory_platform("sqs", "ReceiveMessage", QueueUrl=url, **{member: ["Policy"]})
    assert caught.value.message == "Unknown Attribute Policy."


async def test_a_trace_header_travels_along(memory_platform: MemoryPlatform) -> None:
    url = await _create(memory_platform)
    trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-2-3"}}
    sent = await _send(memory_platform, url, "x", MessageSystemAttributes=trace)
    assert len(sent["MD5OfMessageSystemAttributes"]) == 32
    (message,) = await _receive(memory_platform, url)
    assert message["Attributes"]["AWSTraceHeader"] == "Root=1-2-3"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"DataType": "String", "StringValue": ""}, "Message (user) attribute 'a' must contain a non-empty value of type 'String'."),
        ({"DataType": "Number", "StringValue": "one"}, "Can't cast the value of message (user) attribute 'a' to a number."),
        ({"DataType": "Text", "StringValue": "x"}, "The message attribute 'a' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."),
        ({"DataType": "", "StringValue": "x"}, "The message attribute 'a' must contain non-empty message attribute type."),
    ],
)  # fmt: skip
async def test_attributes_that_are_not_taken(
    memory_platform: MemoryPlatform, value: dict[str, Any], message: str
) -> None:
    url = await _create(memory_platform)
    with pytest.raises(ServiceError) as caught:
        await _send(memory_platform, url, "x", MessageAttributes={"a": value})
    assert (caught.value.code, caught.value.message) == ("InvalidParameterValue", message)


async def test_fifo_batch_without_groups_fails_whole(memory_platform: MemoryPlatform) -> None:
    url = await _create(memory_platform, "q.fifo", FifoQueue="true")
    entries: list[dict[str, str]] = [{"Id": "1", "MessageBody": "x"}]
    for missing in ("MessageGroupId", "MessageDeduplicationId"):
        with pytest.raises(ServiceError) as caught:
            await memory_platform("sqs", "SendMessageBatch", QueueUrl=url, Entries=entries)
        assert caught.value.code == "InvalidParameterValue"
        assert missing in caught.value.message
        entries[0]["MessageGroupId"] = "g"


async def test_redrive_of_what_is_not_there(memory_platform: MemoryPlatform) -> None:
    platform = memory_platform
    arn = "arn:aws:sqs:us-east-1:000000000000:"
    await _create(platform, "dead")
    await _create(platform, RedrivePolicy=json.dumps({"deadLetterTargetArn": f"{arn}dead", "maxReceiveCount": 1}))  # fmt: skip
    for given, parameter in (
        ({"SourceArn": f"{arn}none"}, "SourceArn"),
        ({"SourceArn": f"{arn}dead", "DestinationArn": f"{arn}none"}, "DestinationArn"),
    ):
        with pytest.raises(ServiceError) as caught:
            await platform("sqs", "StartMessageMoveTask", **given)
        assert caught.value.status == 404
        assert caught.value.message == (
            f"The resource that you specified for the {parameter} parameter doesn't exist."
        )


async def test_delays_of_queue_and_message(memory_platform: MemoryPlatform) -> None:
    url = await _create(memory_platform, DelaySeconds="5")
    await _send(memory_platform, url, "late")
    await _send(memory_platform, url, "now", DelaySeconds=0)
    assert [m["Body"] for m in await _receive(memory_platform, url)] == ["now"]
    await memory_platform.clock.advance(5_000)
    assert [m["Body"] for m in await _receive(memory_platform, url)] == ["late"]


async def test_long_poll_ends_with_the_message_or_empty(memory_platform: MemoryPlatform) -> None:
    platform = memory_platform
    url = await _create(platform)
    begun = platform.clock.now_ms()
    assert await _receive(platform, url, WaitTimeSeconds=20) == []
    assert platform.clock.now_ms() - begun == 20_000
    given = {"QueueUrl": url, "WaitTimeSeconds": 20}
    poll = asyncio.ensure_future(
        platform.kernel.invoke(platform.context, "sqs", "ReceiveMessage", given)
    )
    await platform.clock.advance(3_000)
    await _send(platform, url, "x")
    await platform.clock.settle()
    assert poll.done()
    assert (await poll).output["Messages"][0]["Body"] == "x"


async def test_long_poll_sees_a_message_come_due(memory_platform: MemoryPlatform) -> None:
    url = await _create(memory_platform)
    await _send(memory_platform, url, "x", DelaySeconds=7)
    begun = memory_platform.clock.now_ms()
    assert len(await _receive(memory_platform, url, WaitTimeSeconds=20)) == 1
    assert memory_platform.clock.now_ms() - begun == 7_000


async def test_too_often_received_goes_to_the_dead_letters_and_back(
    memory_platform: MemoryPlatform,
) -> None:
    platform = memory_platform
    dead = await _create(platform, "dead")
    arn = "arn:aws:sqs:us-east-1:000000000000:dead"
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2})
    url = await _create(platform, RedrivePolicy=policy, VisibilityTimeout="0")
    await _send(platform, url, "x")
    assert len(await _receive(platform, url)) == 1
    assert len(await _receive(platform, url)) == 1
    assert await _receive(platform, url) == []
    (letter,) = await _receive(platform, dead, VisibilityTimeout=0)
    assert letter["Attributes"]["DeadLetterQueueSourceArn"].endswith(":q")
    sources = await platform("sqs", "ListDeadLetterSourceQueues", QueueUrl=dead)
    assert sources == {"queueUrls": [url]}
    await platform("sqs", "StartMessageMoveTask", SourceArn=arn)
    await platform.clock.advance(100)
    (back,) = await _receive(platform, url)
    assert back["MessageId"] == letter["MessageId"]
    tasks = await platform("sqs", "ListMessageMoveTasks", SourceArn=arn)
    assert tasks["Results"][0]["Status"] == "COMPLETED"
    assert tasks["Results"][0]["ApproximateNumberOfMessagesMoved"] == 1


async def test_fifo_group_waits_for_its_first_message(memory_platform: MemoryPlatform) -> None:
    platform = memory_platform
    url = await _create(platform, "q.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    for body, group in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        await _send(platform, url, body, MessageGroupId=group)
    (first,) = await _receive(platform, url, MaxNumberOfMessages=1)
    assert first["Body"] == "a1"
    assert [m["Body"] for m in await _receive(platform, url)] == ["b1"]
    await platform("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    assert [m["Body"] for m in await _receive(platform, url)] == ["a2"]


async def test_fifo_repeats_are_told_for_five_minutes(memory_platform: MemoryPlatform) -> None:
    platform = memory_platform
    url = await _create(platform, "q.fifo", FifoQueue="true")
    given = {"MessageGroupId": "g", "MessageDeduplicationId": "d"}
    first = await _send(platform, url, "x", **given)
    second = await _send(platform, url, "y", **given)
    assert first["MessageId"] == second["MessageId"]
    assert first["SequenceNumber"] == second["SequenceNumber"]
    assert len(await _receive(platform, url)) == 1
    await platform.clock.advance(300_001)
    third = await _send(platform, url, "z", **given)
    assert third["MessageId"] != first["MessageId"]


async def test_an_id_sent_again_is_remembered_anew(memory_platform: MemoryPlatform) -> None:
    platform = memory_platform
    url = await _create(platform, "q.fifo", FifoQueue="true")
    given = {"MessageGroupId": "g", "MessageDeduplicationId": "d"}
    await _send(platform, url, "x", **given)
    await platform.clock.advance(300_000)
    second = await _send(platform, url, "y", **given)
    await platform.clock.advance(10_000)
    for _ in range(2):
        again = await _send(platform, url, "z", **given)
        assert again["MessageId"] == second["MessageId"]


async def test_batches_fail_entry_by_entry(memory_platform: MemoryPlatform) -> None:
    url = await _create(memory_platform)
    entries = [{"Id": "good", "MessageBody": "x"}, {"Id": "bad", "MessageBody": "\x02"}]
    output = await memory_platform("sqs", "SendMessageBatch", QueueUrl=url, Entries=entries)
    assert [entry["Id"] for entry in output["Successful"]] == ["good"]
    assert output["Failed"][0]["Code"] == "InvalidMessageContents"


async def test_attributes_come_back_with_their_digest(memory_platform: MemoryPlatform) -> None:
    url = await _create(memory_platform)
    attributes = {
        "city": {"DataType": "String", "StringValue": "Any City"},
        "population": {"DataType": "Number", "StringValue": "1250800"},
    }
    sent = await _send(memory_platform, url, "x", MessageAttributes=attributes)
    (message,) = await _receive(memory_platform, url, MessageAttributeNames=["ci.*", "city"])
    assert list(message["MessageAttributes"]) == ["city"]
    assert message["MD5OfMessageAttributes"] != sent["MD5OfMessageAttributes"]
    # The digest of both, computed apart from the steps AWS documents.
    assert sent["MD5OfMessageAttributes"] == "22eded0215818e9b7029c90b92db5ccd"


async def test_retention_ends_a_message(memory_platform: MemoryPlatform) -> None:
    url = await _create(memory_platform, MessageRetentionPeriod="60")
    await _send(memory_platform, url, "x")
    await memory_platform.clock.advance(61_000)
    assert await _receive(memory_platform, url) == []


async def test_expired_messages_are_swept(memory_platform: MemoryPlatform) -> None:
    url = await _create(memory_platform, MessageRetentionPeriod="60")
    await _send(memory_platform, url, "x", DelaySeconds=900)
    await memory_platform.clock.advance(1_300_000)
    output = await memory_platform(
        "sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["All"]
    )
    counts = [v for k, v in output["Attributes"].items() if k.startswith("Approximate")]
    assert counts == ["0", "0", "0"]


async def test_purge_once_a_minute(memory_platform: MemoryPlatform) -> None:
    url = await _create(memory_platform)
    await _send(memory_platform, url, "x")
    await memory_platform("sqs", "PurgeQueue", QueueUrl=url)
    assert await _receive(memory_platform, url) == []
    with pytest.raises(ServiceError) as caught:
        await memory_platform("sqs", "PurgeQueue", QueueUrl=url)
    assert caught.value.code == "PurgeQueueInProgress"
