"""Queues and their attributes."""

from __future__ import annotations

import pytest

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
