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


async def test_visibility_of_what_is_not_in_flight_cannot_change(
    memory_platform: MemoryPlatform,
) -> None:
    url = await _create(memory_platform, VisibilityTimeout="1")
    await _send(memory_platform, url, "x")
    (message,) = await _receive(memory_platform, url)
    await memory_platform.clock.advance(2_000)
    with pytest.raises(ServiceError) as caught:
        await memory_platform(
            "sqs",
            "ChangeMessageVisibility",
            QueueUrl=url,
            ReceiptHandle=message["ReceiptHandle"],
            VisibilityTimeout=5,
        )
    assert "not available for visibility timeout change" in caught.value.message


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
