"""Queues and their attributes."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError


async def _create(platform: MemoryPlatform, name: str = "q", **attributes: str) -> str:
    output = await platform("sqs", "CreateQueue", QueueName=name, Attributes=attributes)
    return str(output["QueueUrl"])


async def test_creating_twice_gives_the_same_queue(memory_platform: MemoryPlatform) -> None:
    assert await _create(memory_platform) == await _create(memory_platform)


async def test_defaults_are_shown(memory_platform: MemoryPlatform) -> None:
    url = await _create(memory_platform)
    output = await memory_platform(
        "sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["All"]
    )
    attributes = output["Attributes"]
    assert attributes["VisibilityTimeout"] == "30"
    assert attributes["QueueArn"] == "arn:aws:sqs:us-east-1:000000000000:q"
    assert attributes["ApproximateNumberOfMessages"] == "0"
    assert "FifoQueue" not in attributes


async def test_listing_pages(memory_platform: MemoryPlatform) -> None:
    for name in ("a1", "a2", "a3", "b1"):
        await _create(memory_platform, name)
    first = await memory_platform("sqs", "ListQueues", QueueNamePrefix="a", MaxResults=2)
    assert [url[-2:] for url in first["QueueUrls"]] == ["a1", "a2"]
    rest = await memory_platform(
        "sqs", "ListQueues", QueueNamePrefix="a", MaxResults=2, NextToken=first["NextToken"]
    )
    assert [url[-2:] for url in rest["QueueUrls"]] == ["a3"]
    assert "NextToken" not in rest


async def test_deleting_takes_the_messages_along(memory_platform: MemoryPlatform) -> None:
    url = await _create(memory_platform)
    await memory_platform("sqs", "SendMessage", QueueUrl=url, MessageBody="x")
    await memory_platform("sqs", "DeleteQueue", QueueUrl=url)
    await _create(memory_platform)
    assert await memory_platform("sqs", "ReceiveMessage", QueueUrl=url) == {}


async def test_tags_and_permissions(memory_platform: MemoryPlatform) -> None:
    url = await _create(memory_platform)
    await memory_platform("sqs", "TagQueue", QueueUrl=url, Tags={"a": "1", "b": "2"})
    await memory_platform("sqs", "UntagQueue", QueueUrl=url, TagKeys=["a"])
    assert await memory_platform("sqs", "ListQueueTags", QueueUrl=url) == {"Tags": {"b": "2"}}
    given = {"Label": "l", "AWSAccountIds": ["111122223333"], "Actions": ["SendMessage"]}
    await memory_platform("sqs", "AddPermission", QueueUrl=url, **given)
    await memory_platform("sqs", "RemovePermission", QueueUrl=url, Label="l")
    output = await memory_platform(
        "sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["Policy"]
    )
    assert output == {}


async def test_encryption_is_by_one_key_or_the_other(memory_platform: MemoryPlatform) -> None:
    url = await _create(memory_platform, KmsMasterKeyId="k", KmsDataKeyReusePeriodSeconds="6000")
    wanted = ["KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled"]
    given = {"QueueUrl": url, "AttributeNames": wanted}
    output = await memory_platform("sqs", "GetQueueAttributes", **given)
    assert output["Attributes"] == {
        "KmsMasterKeyId": "k",
        "KmsDataKeyReusePeriodSeconds": "6000",
        "SqsManagedSseEnabled": "false",
    }
    await memory_platform(
        "sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"SqsManagedSseEnabled": "true"}
    )
    output = await memory_platform("sqs", "GetQueueAttributes", **given)
    assert "KmsMasterKeyId" not in output["Attributes"]
    assert output["Attributes"]["SqsManagedSseEnabled"] == "true"


async def _redrive(platform: MemoryPlatform, name: str, target: str, **more: str) -> None:
    arn = f"arn:aws:sqs:us-east-1:000000000000:{target}"
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    await _create(platform, name, RedrivePolicy=policy, **more)


async def test_dead_letter_queues_are_of_the_same_type(memory_platform: MemoryPlatform) -> None:
    await _create(memory_platform, "dead.fifo", FifoQueue="true")
    with pytest.raises(ServiceError) as caught:
        await _redrive(memory_platform, "q", "dead.fifo")
    assert "same type of queue as the source" in caught.value.message
    await _redrive(memory_platform, "q.fifo", "dead.fifo", FifoQueue="true")


async def test_dead_letter_queues_choose_their_sources(memory_platform: MemoryPlatform) -> None:
    arn = "arn:aws:sqs:us-east-1:000000000000:friend"
    by_queue = {"redrivePermission": "byQueue", "sourceQueueArns": [arn]}
    await _create(memory_platform, "few", RedriveAllowPolicy=json.dumps(by_queue))
    await _create(memory_platform, "none", RedriveAllowPolicy='{"redrivePermission": "denyAll"}')
    await _redrive(memory_platform, "friend", "few")
    for target in ("few", "none"):
        with pytest.raises(ServiceError) as caught:
            await _redrive(memory_platform, "stranger", target)
        assert caught.value.code == "InvalidParameterValue"


async def test_sources_of_dead_letters_page(memory_platform: MemoryPlatform) -> None:
    dead = await _create(memory_platform, "dead")
    for name in ("a", "b", "c"):
        await _redrive(memory_platform, name, "dead")
    given = {"QueueUrl": dead, "MaxResults": 2}
    first = await memory_platform("sqs", "ListDeadLetterSourceQueues", **given)
    rest = await memory_platform(
        "sqs", "ListDeadLetterSourceQueues", NextToken=first["NextToken"], **given
    )
    assert [url[-1] for url in first["queueUrls"] + rest["queueUrls"]] == ["a", "b", "c"]
    assert "NextToken" not in rest


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:4566/111111111111/q",
        "http://sqs.eu-west-1.localhost:4566/111111111111/q",
        "http://eu-west-1.queue.localhost:4566/111111111111/q",
        "http://127.0.0.1:4566/queue/eu-west-1/111111111111/q",
        "https://sqs.eu-west-1.amazonaws.com/111111111111/q",
    ],
)
async def test_addresses_tell_whose_queue_it_is(memory_platform: MemoryPlatform, url: str) -> None:
    await _create(memory_platform)
    with pytest.raises(ServiceError) as caught:
        await memory_platform("sqs", "SendMessage", QueueUrl=url, MessageBody="x")
    assert caught.value.code == "QueueDoesNotExist"
    region = "eu-west-1" if "eu-west-1" in url else "us-east-1"
    theirs = replace(memory_platform.context, account="111111111111", region=region)
    work = memory_platform.kernel.invoke(theirs, "sqs", "CreateQueue", {"QueueName": "q"})
    await memory_platform.clock.run(work)
    await memory_platform("sqs", "SendMessage", QueueUrl=url, MessageBody="x")
    found = await memory_platform("sqs", "ReceiveMessage", QueueUrl=url)
    assert len(found["Messages"]) == 1


async def test_the_address_of_another_accounts_queue(memory_platform: MemoryPlatform) -> None:
    theirs = replace(memory_platform.context, account="111111111111")
    work = memory_platform.kernel.invoke(theirs, "sqs", "CreateQueue", {"QueueName": "q"})
    await memory_platform.clock.run(work)
    output = await memory_platform(
        "sqs", "GetQueueUrl", QueueName="q", QueueOwnerAWSAccountId="111111111111"
    )
    assert output["QueueUrl"].endswith("/111111111111/q")


URL = "http://127.0.0.1:4566/000000000000/q"


@pytest.mark.parametrize(
    ("operation", "given", "code", "message"),
    [
        ("CreateQueue", {"QueueName": "a b"}, "InvalidParameterValue", "Can only include"),
        ("CreateQueue", {}, "MissingParameter", "must contain the parameter QueueName"),
        (
            "CreateQueue",
            {"QueueName": "q", "Attributes": {"VisibilityTimeout": "1"}},
            "QueueNameExists",
            "different value for attribute VisibilityTimeout",
        ),
        (
            "CreateQueue",
            {"QueueName": "n", "Attributes": {"Colour": "red"}},
            "InvalidAttributeName",
            "Unknown Attribute Colour.",
        ),
        (
            "CreateQueue",
            {"QueueName": "n", "Attributes": {"DelaySeconds": "901"}},
            "InvalidAttributeValue",
            "Invalid value for the parameter DelaySeconds.",
        ),
        (
            "CreateQueue",
            {"QueueName": "n", "Attributes": {"FifoQueue": "false"}},
            "InvalidAttributeName",
            "Unknown Attribute FifoQueue.",
        ),
        (
            "SetQueueAttributes",
            {
                "QueueUrl": URL,
                "Attributes": {"KmsMasterKeyId": "k", "SqsManagedSseEnabled": "true"},
            },
            "InvalidAttributeName",
            "You can use one type of server-side encryption (SSE) at one time.",
        ),
        (
            "SendMessage",
            {"QueueUrl": URL, "MessageBody": "x", "MessageDeduplicationId": "d"},
            "InvalidParameterValue",
            "not valid for this queue type",
        ),
        ("TagQueue", {"QueueUrl": URL, "Tags": {}}, "MissingParameter", "parameter Tags."),
        (
            "TagQueue",
            {"QueueUrl": URL, "Tags": {f"k{n}": "" for n in range(51)}},
            "InvalidParameterValue",
            "Too many tags added for queue q.",
        ),
        (
            "UntagQueue",
            {"QueueUrl": URL, "TagKeys": []},
            "InvalidParameterValue",
            "Tag keys must be between 1 and 128 characters in length.",
        ),
        (
            "AddPermission",
            {
                "QueueUrl": URL,
                "Label": "l",
                "AWSAccountIds": ["111122223333"],
                "Actions": ["RemovePermission"],
            },
            "InvalidParameterValue",
            "Value SQS:RemovePermission for parameter ActionName is invalid. "
            "Reason: Only the queue owner is allowed to invoke this action.",
        ),
        (
            "AddPermission",
            {
                "QueueUrl": URL,
                "Label": "l",
                "AWSAccountIds": ["111122223333"],
                "Actions": ["SendMessage"] * 8,
            },
            "OverLimit",
            "8 Actions were found, maximum allowed is 7.",
        ),
        (
            "AddPermission",
            {"QueueUrl": URL, "Label": "l", "AWSAccountIds": [], "Actions": ["SendMessage"]},
            "InvalidParameterValue",
            "Value [] for parameter PrincipalId is invalid. Reason: Unable to verify.",
        ),
        (
            "RemovePermission",
            {"QueueUrl": URL, "Label": "l"},
            "InvalidParameterValue",
            "Value l for parameter Label is invalid. Reason: can't find label.",
        ),
        ("GetQueueUrl", {"QueueName": "no"}, "QueueDoesNotExist", "The specified queue"),
        ("SendMessage", {"QueueUrl": URL}, "MissingParameter", "MessageBody"),
        (
            "SendMessage",
            {"QueueUrl": URL, "MessageBody": "x" * 1_048_577},
            "InvalidParameterValue",
            "Message must be shorter than 1048576 bytes.",
        ),
        ("SendMessage", {"QueueUrl": URL, "MessageBody": "\x01"}, "InvalidMessageContents", ""),
        (
            "SendMessage",
            {"QueueUrl": URL, "MessageBody": "x", "DelaySeconds": 901},
            "InvalidParameterValue",
            "DelaySeconds",
        ),
        (
            "ReceiveMessage",
            {"QueueUrl": URL, "MaxNumberOfMessages": 11},
            "InvalidParameterValue",
            "Value 11 for parameter MaxNumberOfMessages is invalid.",
        ),
        (
            "ReceiveMessage",
            {"QueueUrl": URL, "WaitTimeSeconds": 21},
            "InvalidParameterValue",
            "Must be >= 0 and <= 20, if provided.",
        ),
        (
            "DeleteMessage",
            {"QueueUrl": URL, "ReceiptHandle": "nonsense"},
            "ReceiptHandleIsInvalid",
            'The input receipt handle "nonsense" is not a valid receipt handle.',
        ),
        ("SendMessageBatch", {"QueueUrl": URL, "Entries": []}, "EmptyBatchRequest", "at least one"),
        (
            "DeleteMessageBatch",
            {
                "QueueUrl": URL,
                "Entries": [{"Id": "a", "ReceiptHandle": "x"}, {"Id": "a", "ReceiptHandle": "y"}],
            },
            "BatchEntryIdsNotDistinct",
            "Id a repeated.",
        ),
        (
            "SetQueueAttributes",
            {"QueueUrl": URL, "Attributes": {"RedrivePolicy": '{"maxReceiveCount": 3}'}},
            "InvalidParameterValue",
            "deadLetterTargetArn",
        ),
    ],
)
async def test_refusals(
    memory_platform: MemoryPlatform,
    operation: str,
    given: dict[str, object],
    code: str,
    message: str,
) -> None:
    await _create(memory_platform)
    with pytest.raises(ServiceError) as caught:
        await memory_platform("sqs", operation, **given)
    assert caught.value.code == code
    assert message in caught.value.message
