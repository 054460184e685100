"""What SNS refuses and shows, sentence by sentence as AWS was seen to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError

ARN = "arn:aws:sns:us-east-1:000000000000:t"
FIFO = ARN + ".fifo"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
LONG = "x" * 262_145


def _attribute(name: str = "a", **value: Any) -> dict[str, Any]:
    return {"TopicArn": ARN, "Message": "x", "MessageAttributes": {name: value}}


def _text(name: str) -> dict[str, Any]:
    return _attribute(name, DataType="String", StringValue="x")


@pytest.fixture
async def platform(memory_platform: MemoryPlatform) -> MemoryPlatform:
    await memory_platform("sns", "CreateTopic", Name="t")
    await memory_platform("sns", "CreateTopic", Name="t.fifo", Attributes={"FifoTopic": "true"})
    return memory_platform


@pytest.mark.parametrize(
    ("operation", "given", "code", "message"),
    [
        ("Publish", {"TopicArn": "t", "Message": "x"}, "InvalidParameter", "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1"),
        ("Publish", {"TopicArn": "arn:aws", "Message": "x"}, "InvalidParameter", "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 2"),
        ("Publish", {"TopicArn": "", "Message": "x"}, "InvalidParameter", "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1"),
        ("Publish", {"TopicArn": ARN + "no", "Message": "x"}, "NotFound", "Topic does not exist"),
        ("Publish", {"TargetArn": "arn:aws:sns:us-east-1:000000000000:endpoint/APNS/a/b", "Message": "x"}, "InvalidParameter", "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified"),
        ("Publish", {"TopicArn": ARN.replace("us-east-1", "eu-west-1"), "Message": "x"}, "InvalidParameter", "Invalid parameter: TopicArn"),
        ("Publish", {"TopicArn": ARN, "Message": ""}, "InvalidParameter", "Invalid parameter: Empty message"),
        ("Publish", {"TopicArn": ARN, "Message": "x", "Subject": ""}, "InvalidParameter", "Invalid parameter: Subject"),
        ("Publish", {"TopicArn": ARN, "Message": "x", "Subject": "a\nb"}, "InvalidParameter", "Invalid parameter: Subject"),
        ("Publish", {"TopicArn": ARN, "Message": "x", "Subject": "s" * 101}, "InvalidParameter", "Invalid parameter: Subject"),
        ("Publish", {"TopicArn": ARN, "Message": LONG}, "InvalidParameter", "Invalid parameter: Message too long"),
        ("Publish", {**_attribute(DataType="String", StringValue="x" * 10), "Message": LONG[:-10]}, "InvalidParameter", "Invalid parameter: Message too long"),
        ("Publish", {"TopicArn": ARN, "Message": '{"default": {"a": 1}}', "MessageStructure": "json"}, "InvalidParameter", "Invalid parameter: Message Structure - No default entry in JSON message body"),
        ("Publish", {"TopicArn": ARN, "Message": "{", "MessageStructure": "json"}, "InvalidParameter", "Invalid parameter: Message Structure - JSON message body failed to parse"),
        ("Publish", {"TopicArn": ARN, "Message": "x", "MessageDeduplicationId": "d"}, "InvalidParameter", "Invalid parameter: MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type"),
        ("Publish", {"TopicArn": FIFO, "Message": "x"}, "InvalidParameter", "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"),
        ("Publish", {"TopicArn": FIFO, "Message": "x", "MessageGroupId": "g"}, "InvalidParameter", "Invalid parameter: The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"),
        ("Publish", _attribute(DataType="String", StringValue=""), "ParameterValueInvalid", "The message attribute 'a' must contain non-empty message attribute value for message attribute type 'String'."),
        ("Publish", _attribute(DataType="Binary", BinaryValue=b""), "ParameterValueInvalid", "The message attribute 'a' must contain non-empty message attribute value for message attribute type 'Binary'."),
        ("Publish", _attribute(DataType="Number", BinaryValue=b"1"), "ParameterValueInvalid", "The message attribute 'a' with type 'Number' must use field 'String'."),
        ("Publish", _attribute(DataType="Binary", StringValue="x"), "ParameterValueInvalid", "The message attribute 'a' with type 'Binary' must use field 'Binary'."),
        ("Publish", _attribute(DataType="Number", StringValue="x"), "ParameterValueInvalid", "Could not cast message attribute 'a' value to number."),
        ("Publish", _attribute(DataType="string", StringValue="x"), "ParameterValueInvalid", "The message attribute 'a' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."),
        ("Publish", _text("a" * 257), "ParameterValueInvalid", "Length of message attribute name must be less than 256 bytes."),
        ("Publish", _text("a^b"), "ParameterValueInvalid", "Invalid non-alphanumeric character '#x5E' was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots."),
        ("Publish", _text(".a"), "ParameterValueInvalid", "Invalid message attribute name starting with character '.' was found."),
        ("Publish", _text("a."), "ParameterValueInvalid", "Invalid message attribute name ending with character '.' was found."),
        ("Publish", _text("a..b"), "ParameterValueInvalid", "Message attribute name can not have successive '.' character."),
        ("PublishBatch", {"TopicArn": ARN + "no", "PublishBatchRequestEntries": [{"Id": "1", "Message": "x"}]}, "NotFound", "Topic does not exist"),
        ("PublishBatch", {"TopicArn": ARN, "PublishBatchRequestEntries": [{"Id": str(n), "Message": "x"} for n in range(11)]}, "TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible."),
        ("PublishBatch", {"TopicArn": ARN, "PublishBatchRequestEntries": [{"Id": str(n), "Message": LONG[:150_000]} for n in range(2)]}, "BatchRequestTooLong", "The length of all the batch messages put together is more than the limit."),
        ("PublishBatch", {"TopicArn": FIFO, "PublishBatchRequestEntries": [{"Id": "1", "Message": "x"}]}, "InvalidParameter", "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"),
        ("CreateTopic", {"Name": "a b"}, "InvalidParameter", "Invalid parameter: Topic Name"),
        ("CreateTopic", {"Name": "a.fifo"}, "InvalidParameter", "Invalid parameter: Topic Name"),
        ("CreateTopic", {"Name": "a", "Tags": [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]}, "InvalidParameter", "Invalid parameter: Duplicated keys are not allowed."),
        ("CreateTopic", {"Name": "t", "Tags": [{"Key": "k", "Value": "1"}]}, "InvalidParameter", "Invalid parameter: Tags Reason: Topic already exists with different tags"),
        ("TagResource", {"ResourceArn": ARN, "Tags": [{"Key": f"k{n}", "Value": ""} for n in range(51)]}, "TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded"),
        ("TagResource", {"ResourceArn": ARN + "no", "Tags": []}, "ResourceNotFound", "Resource does not exist"),
        ("AddPermission", {"TopicArn": ARN, "Label": "l", "AWSAccountId": ["111122223333"], "ActionName": ["Sing"]}, "InvalidParameter", "Invalid parameter: Policy statement action out of service scope!"),
        ("Subscribe", {"TopicArn": ARN, "Protocol": "smoke", "Endpoint": "x"}, "InvalidParameter", "Invalid parameter: Amazon SNS does not support this protocol string: smoke"),
        ("Subscribe", {"TopicArn": ARN, "Protocol": "sqs", "Endpoint": "http://x/q"}, "InvalidParameter", "Invalid parameter: SQS endpoint ARN"),
        ("Subscribe", {"TopicArn": ARN, "Protocol": "sqs", "Endpoint": QUEUE, "Attributes": {"RawMessageDelivery": "maybe"}}, "InvalidParameter", "Invalid parameter: Attributes Reason: RawMessageDelivery: Invalid value [maybe]. Must be true or false."),
        ("Subscribe", {"TopicArn": ARN, "Protocol": "sqs", "Endpoint": QUEUE + ".fifo"}, "InvalidParameter", "Invalid parameter: Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics"),
        ("Subscribe", {"TopicArn": FIFO, "Protocol": "sqs", "Endpoint": QUEUE + ".fifo", "Attributes": {"RedrivePolicy": json.dumps({"deadLetterTargetArn": QUEUE})}}, "InvalidParameter", "Invalid parameter: RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic."),
        ("Subscribe", {"TopicArn": ARN, "Protocol": "https", "Endpoint": "http://x"}, "InvalidParameter", "Invalid parameter: Endpoint must match the specified protocol"),
        ("GetSubscriptionAttributes", {"SubscriptionArn": f"{ARN}:none"}, "NotFound", "Subscription does not exist"),
        ("ConfirmSubscription", {"TopicArn": ARN, "Token": "abc"}, "InvalidParameter", "Invalid token"),
        ("ConfirmSubscription", {"TopicArn": ARN, "Token": "a1" * 64}, "InvalidParameter", "Invalid parameter: Token"),
        ("CheckIfPhoneNumberIsOptedOut", {"phoneNumber": "nobody"}, "InvalidParameter", "Invalid parameter: PhoneNumber Reason: input incorrectly formatted"),
        ("CreatePlatformApplication", {"Name": "a", "Platform": "APNS", "Attributes": {}}, "NotImplemented", "Pileus does not implement sns:CreatePlatformApplication yet."),
    ],
)  # fmt: skip
async def test_refusals(
    platform: MemoryPlatform, operation: str, given: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(ServiceError) as caught:
        await platform("sns", operation, **given)
    assert (caught.value.code, caught.value.message) == (code, message)


async def test_delivery_policy_in_force_is_shown(platform: MemoryPlatform) -> None:
    shown = (await platform("sns", "GetTopicAttributes", TopicArn=ARN))["Attributes"]
    policy = json.loads(shown["EffectiveDeliveryPolicy"])["http"]
    assert policy["defaultHealthyRetryPolicy"]["numRetries"] == 3
    assert "FifoTopic" not in shown
    own = {"http": {"defaultHealthyRetryPolicy": {"numRetries": 7}}}
    given = {"AttributeName": "DeliveryPolicy", "AttributeValue": json.dumps(own)}
    await platform("sns", "SetTopicAttributes", TopicArn=ARN, **given)
    shown = (await platform("sns", "GetTopicAttributes", TopicArn=ARN))["Attributes"]
    policy = json.loads(shown["EffectiveDeliveryPolicy"])["http"]["defaultHealthyRetryPolicy"]
    assert (policy["numRetries"], policy["minDelayTarget"]) == (7, 20)


async def test_unconfirmed_endpoints_stay_pending(platform: MemoryPlatform) -> None:
    given = {"TopicArn": ARN, "Protocol": "email", "Endpoint": "someone@example.com"}
    told = await platform("sns", "Subscribe", **given)
    assert told["SubscriptionArn"] == "pending confirmation"
    arn = (await platform("sns", "Subscribe", ReturnSubscriptionArn=True, **given))[
        "SubscriptionArn"
    ]
    (listed,) = (await platform("sns", "ListSubscriptions"))["Subscriptions"]
    assert listed["SubscriptionArn"] == "PendingConfirmation"
    shown = await platform("sns", "GetSubscriptionAttributes", SubscriptionArn=arn)
    assert shown["Attributes"]["PendingConfirmation"] == "true"
    counts = (await platform("sns", "GetTopicAttributes", TopicArn=ARN))["Attributes"]
    assert (counts["SubscriptionsConfirmed"], counts["SubscriptionsPending"]) == ("0", "1")
    await platform("sns", "Publish", TopicArn=ARN, Message="x")
    await platform("sns", "Unsubscribe", SubscriptionArn=arn)
    assert (await platform("sns", "ListSubscriptions"))["Subscriptions"] == []


async def test_fifo_topic_keeps_order_to_a_fifo_queue(platform: MemoryPlatform) -> None:
    created = await platform(
        "sqs", "CreateQueue", QueueName="q.fifo", Attributes={"FifoQueue": "true"}
    )
    await platform("sns", "Subscribe", TopicArn=FIFO, Protocol="sqs", Endpoint=QUEUE + ".fifo")
    for number in range(6):
        ids = {"MessageGroupId": "g", "MessageDeduplicationId": str(number)}
        await platform("sns", "Publish", TopicArn=FIFO, Message=str(number), **ids)
    await platform.clock.settle()
    output = await platform(
        "sqs",
        "ReceiveMessage",
        QueueUrl=created["QueueUrl"],
        MaxNumberOfMessages=10,
        AttributeNames=["All"],
    )
    envelopes = [json.loads(message["Body"]) for message in output["Messages"]]
    assert [envelope["Message"] for envelope in envelopes] == list("012345")
    assert list(envelopes[0])[:3] == ["Type", "MessageId", "SequenceNumber"]
    assert "Signature" not in envelopes[0]
    assert output["Messages"][0]["Attributes"]["MessageDeduplicationId"] == "0"


async def test_fifo_topic_remembers_ids_for_five_minutes(platform: MemoryPlatform) -> None:
    async def publish() -> str:
        ids = {"MessageGroupId": "g", "MessageDeduplicationId": "d"}
        output = await platform("sns", "Publish", TopicArn=FIFO, Message="x", **ids)
        return str(output["MessageId"])

    first = await publish()
    assert await publish() == first
    await platform.clock.advance(300_000)
    second = await publish()
    assert second != first
    await platform.clock.advance(10_000)
    assert await publish() == second
    assert await publish() == second


async def test_structure_gives_each_protocol_its_text(platform: MemoryPlatform) -> None:
    url = (await platform("sqs", "CreateQueue", QueueName="q"))["QueueUrl"]
    await platform("sns", "Subscribe", TopicArn=ARN, Protocol="sqs", Endpoint=QUEUE)
    for texts in ({"default": "d", "sqs": "s"}, {"default": "d", "sqs": {"no": "text"}}):
        await platform(
            "sns", "Publish", TopicArn=ARN, Message=json.dumps(texts), MessageStructure="json"
        )
    await platform.clock.settle()
    output = await platform("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)
    bodies = [json.loads(message["Body"])["Message"] for message in output["Messages"]]
    assert bodies == ["s", "d"]


async def test_an_arn_tells_whose_topic_it_is(platform: MemoryPlatform) -> None:
    theirs = replace(platform.context, account="111111111111")
    work = platform.kernel.invoke(theirs, "sns", "CreateTopic", {"Name": "only-theirs"})
    arn = (await platform.clock.run(work)).output["TopicArn"]
    shown = await platform("sns", "GetTopicAttributes", TopicArn=arn)
    assert shown["Attributes"]["Owner"] == "111111111111"
    assert arn not in str(await platform("sns", "ListTopics"))


async def test_nobody_is_opted_out(platform: MemoryPlatform) -> None:
    number = {"phoneNumber": "+15550100"}
    assert await platform("sns", "CheckIfPhoneNumberIsOptedOut", **number) == {"isOptedOut": False}
    assert await platform("sns", "ListPhoneNumbersOptedOut") == {"phoneNumbers": []}
    assert await platform("sns", "OptInPhoneNumber", **number) == {}
