"""Who is told of changes, and in which words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.testing.platform import MemoryPlatform
from tests.services.s3.support import S3, refused

QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
TOPIC = "arn:aws:sns:us-east-1:000000000000:t"


def _policy(target: str, action: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": action,
        "Resource": target,
        "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::bucket"}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
async def queue(memory_platform: MemoryPlatform, s3: S3) -> str:
    """The address of a queue that lets S3 in."""
    output = await memory_platform(
        "sqs", "CreateQueue", QueueName="q",
        Attributes={"Policy": _policy(QUEUE, "sqs:SendMessage")},
    )  # fmt: skip
    return str(output["QueueUrl"])


async def _configure(s3: S3, *events: str, rules: list[Any] | None = None, **more: Any) -> None:
    entry: dict[str, Any] = {"QueueArn": QUEUE, "Events": list(events), "Id": "mine"}
    if rules:
        entry["Filter"] = {"Key": {"FilterRules": rules}}
    config = {"QueueConfigurations": [entry], **more}
    await s3("PutBucketNotificationConfiguration", NotificationConfiguration=config)


async def _received(s3: S3, url: str) -> list[dict[str, Any]]:
    await s3.platform.clock.advance(1000)
    found: list[dict[str, Any]] = []
    while messages := (
        await s3.platform("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)
    ).get("Messages"):
        found += [json.loads(message["Body"]) for message in messages]
        for message in messages:
            handle = message["ReceiptHandle"]
            await s3.platform("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=handle)
    return found


async def _records(s3: S3, url: str) -> list[tuple[str, dict[str, Any]]]:
    found = [each["Records"][0] for each in await _received(s3, url) if "Records" in each]
    found.sort(key=lambda record: record["s3"]["object"].get("sequencer", ""))
    return [(record["eventName"], record["s3"]["object"]) for record in found]


async def test_a_configured_queue_gets_a_test_event_first(s3: S3, queue: str) -> None:
    await _configure(s3, "s3:ObjectCreated:*")
    [told] = await _received(s3, queue)
    assert (told["Service"], told["Event"], told["Bucket"]) == (
        "Amazon S3", "s3:TestEvent", "bucket",
    )  # fmt: skip
    assert set(told) == {"Service", "Event", "Time", "Bucket", "RequestId", "HostId"}


async def test_the_record_of_a_put(s3: S3, queue: str) -> None:
    await _configure(s3, "s3:ObjectCreated:*")
    await _received(s3, queue)
    put = await s3.put("dir/my ü.txt", b"hello")
    [told] = await _received(s3, queue)
    [record] = told["Records"]
    sequencer = record["s3"]["object"].pop("sequencer")
    assert len(sequencer) == 18
    assert int(sequencer, 16)
    assert record == {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": record["eventTime"],
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:000000000000"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": "test", "x-amz-id-2": "test/pileus"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "mine",
            "bucket": {
                "name": "bucket",
                "ownerIdentity": {"principalId": "0" * 64},
                "arn": "arn:aws:s3:::bucket",
            },
            "object": {
                "key": "dir/my+%C3%BC.txt",
                "size": 5,
                "eTag": put["ETag"].strip('"'),
            },
        },
    }


async def test_every_kind_of_change(s3: S3, queue: str) -> None:
    await _configure(
        s3, "s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*", "s3:ObjectAcl:Put"
    )
    await s3.put("a")
    await s3("CopyObject", Key="b", CopySource="bucket/a")
    upload = await s3("CreateMultipartUpload", Key="c")
    where = {"Key": "c", "UploadId": upload["UploadId"]}
    part = await s3("UploadPart", b"x", PartNumber=1, **where)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    await s3("CompleteMultipartUpload", MultipartUpload=parts, **where)
    await s3("PutObjectTagging", Key="a", Tagging={"TagSet": []})
    await s3("DeleteObjectTagging", Key="a")
    await s3("PutObjectAcl", Key="a", ACL="bucket-owner-full-control")
    await s3("DeleteObjects", Delete={"Objects": [{"Key": "a"}, {"Key": "none"}]})
    told = await _records(s3, queue)
    assert {name for name, about in told if "sequencer" not in about} == {
        "ObjectTagging:Put",
        "ObjectTagging:Delete",
        "ObjectAcl:Put",
    }
    assert [name for name, about in told if "sequencer" in about] == [
        "ObjectCreated:Put",
        "ObjectCreated:Copy",
        "ObjectCreated:CompleteMultipartUpload",
        "ObjectRemoved:Delete",
    ]
    assert set(told[-1][1]) == {"key", "sequencer"}


async def test_versions_are_told(s3: S3, queue: str) -> None:
    await s3("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"})
    await _configure(s3, "s3:ObjectCreated:Put", "s3:ObjectRemoved:*")
    version = (await s3.put("a"))["VersionId"]
    marker = (await s3("DeleteObject", Key="a"))["VersionId"]
    await s3("DeleteObject", Key="a", VersionId=version)
    told = await _records(s3, queue)
    assert [(name, it["versionId"]) for name, it in told] == [
        ("ObjectCreated:Put", version),
        ("ObjectRemoved:DeleteMarkerCreated", marker),
        ("ObjectRemoved:Delete", version),
    ]


@pytest.mark.parametrize(
    ("rules", "key", "is_told"),
    [
        ([{"Name": "prefix", "Value": "in/"}], "in/x", True),
        ([{"Name": "Prefix", "Value": "in/"}], "out/x", False),
        ([{"Name": "SUFFIX", "Value": ".mkv"}], "x.mkv", True),
        ([{"Name": "suffix", "Value": ".mkv"}], "x.mkv.part", False),
        ([{"Name": "prefix", "Value": "my+file%2B"}], "my file+1", True),
        ([{"Name": "prefix", "Value": "a"}, {"Name": "suffix", "Value": "b"}], "ab", True),
        ([{"Name": "prefix", "Value": "a"}, {"Name": "suffix", "Value": "b"}], "ac", False),
    ],
)
async def test_filters(s3: S3, queue: str, rules: list[Any], key: str, is_told: bool) -> None:
    await _configure(s3, "s3:ObjectCreated:Put", rules=rules)
    await s3.put(key)
    assert len(await _records(s3, queue)) == is_told


async def test_a_topic_is_told(s3: S3, queue: str) -> None:
    await s3.platform(
        "sns", "CreateTopic", Name="t", Attributes={"Policy": _policy(TOPIC, "sns:Publish")}
    )
    await s3.platform("sns", "Subscribe", TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE)
    entry = {"TopicArn": TOPIC, "Events": ["s3:ObjectCreated:Put"]}
    config = {"TopicConfigurations": [entry]}
    await s3("PutBucketNotificationConfiguration", NotificationConfiguration=config)
    await s3.put("a")
    told = {json.loads(each["Message"]).get("Event"): each for each in await _received(s3, queue)}
    assert set(told) == {"s3:TestEvent", None}
    assert told[None]["Subject"] == "Amazon S3 Notification"


async def test_the_event_bus_is_told_of_everything(s3: S3, queue: str) -> None:
    config: dict[str, Any] = {"EventBridgeConfiguration": {}}
    await s3("PutBucketNotificationConfiguration", NotificationConfiguration=config)
    await s3.platform("events", "PutRule", Name="r", EventPattern='{"source": ["aws.s3"]}')
    await s3.platform("events", "PutTargets", Rule="r", Targets=[{"Id": "1", "Arn": QUEUE}])
    await s3.put("my key", b"hello")
    await s3("DeleteObject", Key="my key")
    told = sorted(
        await _received(s3, queue), key=lambda each: each["detail"]["object"]["sequencer"]
    )
    created, deleted = told
    assert created["detail-type"] == "Object Created"
    assert created["resources"] == ["arn:aws:s3:::bucket"]
    detail = created["detail"]
    assert detail["bucket"] == {"name": "bucket"}
    assert detail["object"]["key"] == "my key"
    assert detail["object"]["size"] == 5
    assert detail["reason"] == "PutObject"
    assert detail["requester"] == "000000000000"
    assert deleted["detail-type"] == "Object Deleted"
    assert deleted["detail"]["deletion-type"] == "Permanently Deleted"


async def test_a_configuration_is_given_back(s3: S3, queue: str) -> None:
    assert await s3("GetBucketNotificationConfiguration") == {}
    rules = [{"Name": "prefix", "Value": "a"}]
    await _configure(s3, "s3:ObjectCreated:*", rules=rules, EventBridgeConfiguration={})
    found = await s3("GetBucketNotificationConfiguration")
    assert found["QueueConfigurations"] == [
        {
            "Id": "mine",
            "QueueArn": QUEUE,
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "Prefix", "Value": "a"}]}},
        }
    ]
    assert found["EventBridgeConfiguration"] == {}
    await s3("PutBucketNotificationConfiguration", NotificationConfiguration={})
    assert await s3("GetBucketNotificationConfiguration") == {}


async def test_destinations_that_cannot_be_used(s3: S3, queue: str) -> None:
    async def configure(target: str, **more: Any) -> None:
        entry = {"QueueArn": target, "Events": ["s3:ObjectCreated:*"]}
        config = {"QueueConfigurations": [entry]}
        await s3("PutBucketNotificationConfiguration", NotificationConfiguration=config, **more)

    await s3.platform("sqs", "CreateQueue", QueueName="closed")
    for target, reason in (
        (f"{QUEUE}2", "does not exist"),
        (QUEUE.replace(":q", ":closed"), "do not allow S3 to publish"),
        (QUEUE.replace("us-east-1", "us-west-2"), "region is not valid"),
        (f"{QUEUE}.fifo", "FIFO"),
    ):
        with refused("InvalidArgument") as caught:
            await configure(target)
        assert caught.value.message == (
            "Unable to validate the following destination configurations"
        )
        assert caught.value.fields["ArgumentName1"] == target
        assert reason in caught.value.fields["ArgumentValue1"]
    await configure(f"{QUEUE}2", SkipDestinationValidation=True)
    with refused("InvalidArgument"):
        await configure(TOPIC)


@pytest.mark.parametrize(
    ("one", "other", "is_refused"),
    [
        (("s3:ObjectCreated:*", "", ""), ("s3:ObjectCreated:Put", "", ""), True),
        (("s3:ObjectCreated:*", "a", ""), ("s3:ObjectCreated:*", "b", ""), False),
        (("s3:ObjectCreated:*", "a", ""), ("s3:ObjectCreated:*", "ab", ""), True),
        (("s3:ObjectCreated:*", "a", "x"), ("s3:ObjectCreated:*", "a", "y"), False),
        (("s3:ObjectCreated:*", "a", "x"), ("s3:ObjectCreated:*", "", "yx"), True),
        (("s3:ObjectCreated:Put", "", ""), ("s3:ObjectCreated:Copy", "", ""), False),
        (("s3:ObjectCreated:*", "", ""), ("s3:ObjectRemoved:*", "", ""), False),
    ],
)
async def test_overlaps(
    s3: S3, queue: str, one: tuple[str, str, str], other: tuple[str, str, str], is_refused: bool
) -> None:
    entries = [
        {
            "QueueArn": QUEUE,
            "Events": [event],
            "Filter": {
                "Key": {
                    "FilterRules": [
                        {"Name": "prefix", "Value": prefix},
                        {"Name": "suffix", "Value": suffix},
                    ]
                }
            },
        }
        for event, prefix, suffix in (one, other)
    ]
    given = {"NotificationConfiguration": {"QueueConfigurations": entries}}
    if is_refused:
        with refused("InvalidArgument") as caught:
            await s3("PutBucketNotificationConfiguration", **given)
        assert caught.value.message.startswith("Configuration is ambiguously defined.")
    else:
        await s3("PutBucketNotificationConfiguration", **given)


@pytest.mark.parametrize("names", [("infix",), ("prefix", "Prefix")])
async def test_rules_that_are_refused(s3: S3, queue: str, names: tuple[str, ...]) -> None:
    rules = [{"Name": name, "Value": "a"} for name in names]
    with refused("InvalidArgument"):
        await _configure(s3, "s3:ObjectCreated:*", rules=rules)
