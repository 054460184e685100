"""The CloudFormation types of this room."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pileus.kernel.calls import StepCall
from pileus.kernel.resources import PartlyCreated, Resource, ResourceRequest
from pileus.services.s3.resources import RESOURCE_TYPES
from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError
from tests.services.s3.support import S3, refused

QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"


class _Stack:
    def __init__(self, platform: MemoryPlatform) -> None:
        self._platform = platform
        self._call = platform.kernel.stream_call(("000000000000", "global", "s3"))
        self._steps = 0

    async def create(self, kind: str, logical_id: str = "It", **properties: Any) -> ResourceRequest:
        request = ResourceRequest(
            type=kind,
            logical_id=logical_id,
            stack_id="arn:stack",
            stack_name="My-Stack",
            properties=properties,
            token="ABCDEFGHIJKL",
        )
        made = await self._run(RESOURCE_TYPES[kind].create, request)
        return replace(request, physical_id=made.physical_id, attributes=made.attributes)

    async def update(self, request: ResourceRequest, **properties: Any) -> ResourceRequest:
        update = RESOURCE_TYPES[request.type].update
        assert update is not None
        asked = replace(request, properties=properties, old_properties=request.properties)
        made = await self._run(update, asked)
        return replace(asked, physical_id=made.physical_id)

    async def delete(self, request: ResourceRequest) -> None:
        await self._run(RESOURCE_TYPES[request.type].delete, request)

    async def _run(self, act: Any, request: ResourceRequest) -> Resource:
        self._steps += 1
        call: StepCall = self._call.step(
            self._platform.context, request.type, f"step-{self._steps}"
        )
        made: Resource = await self._platform.clock.run(act(call, request))
        return made


@pytest.fixture
def stack(memory_platform: MemoryPlatform) -> _Stack:
    """Makes resources as CloudFormation does."""
    return _Stack(memory_platform)


async def _queue(platform: MemoryPlatform) -> None:
    statement = {
        "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage", "Resource": QUEUE,
    }  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await platform("sqs", "CreateQueue", QueueName="q", Attributes={"Policy": policy})


async def test_a_bucket_gets_a_name_in_lower_case(stack: _Stack, s3: S3) -> None:
    made = await stack.create("AWS::S3::Bucket", "Results")
    assert made.physical_id == "my-stack-results-abcdefghijkl"
    assert made.attributes["Arn"] == f"arn:aws:s3:::{made.physical_id}"
    assert made.attributes["DomainName"] == f"{made.physical_id}.s3.amazonaws.com"
    await s3("HeadBucket", Bucket=made.physical_id)
    await stack.delete(made)
    with refused("NoSuchBucket", 404):
        await s3("HeadBucket", Bucket=made.physical_id)
    await stack.delete(made)


async def test_every_property(stack: _Stack, s3: S3) -> None:
    await _queue(s3.platform)
    made = await stack.create(
        "AWS::S3::Bucket",
        BucketName="mine",
        AccessControl="PublicRead",
        OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]},
        PublicAccessBlockConfiguration={"BlockPublicAcls": "true"},
        VersioningConfiguration={"Status": "Enabled"},
        BucketEncryption={
            "ServerSideEncryptionConfiguration": [
                {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
            ]
        },
        CorsConfiguration={
            "CorsRules": [
                {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAge": "3", "Id": "c"}
            ]
        },
        LifecycleConfiguration={
            "Rules": [{"Status": "Enabled", "ExpirationInDays": "7", "Prefix": "tmp/", "Id": "l"}]
        },
        WebsiteConfiguration={"IndexDocument": "index.html", "ErrorDocument": "error.html"},
        LoggingConfiguration={"LogFilePrefix": "log/"},
        Tags=[{"Key": "a", "Value": "b"}],
        NotificationConfiguration={
            "QueueConfigurations": [
                {
                    "Event": "s3:ObjectCreated:*",
                    "Queue": QUEUE,
                    "Filter": {"S3Key": {"Rules": [{"Name": "suffix", "Value": ".mkv"}]}},
                }
            ],
            "EventBridgeConfiguration": {"EventBridgeEnabled": "true"},
        },
    )
    where = {"Bucket": made.physical_id}
    assert await s3("GetBucketVersioning", **where) == {"Status": "Enabled"}
    assert len((await s3("GetBucketAcl", **where))["Grants"]) == 2
    cors = (await s3("GetBucketCors", **where))["CORSRules"]
    assert cors[0]["MaxAgeSeconds"] == 3
    rules = (await s3("GetBucketLifecycleConfiguration", **where))["Rules"]
    assert (rules[0]["Filter"], rules[0]["Expiration"]) == ({"Prefix": "tmp/"}, {"Days": 7})
    assert (await s3("GetBucketWebsite", **where))["ErrorDocument"] == {"Key": "error.html"}
    assert (await s3("GetBucketTagging", **where))["TagSet"] == [{"Key": "a", "Value": "b"}]
    config = await s3("GetBucketNotificationConfiguration", **where)
    assert config["QueueConfigurations"][0]["Filter"]["Key"]["FilterRules"] == [
        {"Name": "Suffix", "Value": ".mkv"}
    ]
    assert "EventBridgeConfiguration" in config
    updated = await stack.update(made, BucketName="mine", Tags=[{"Key": "c", "Value": "d"}])
    assert updated.physical_id == "mine"
    assert await s3("GetBucketVersioning", **where) == {"Status": "Suspended"}
    assert (await s3("GetBucketTagging", **where))["TagSet"] == [{"Key": "c", "Value": "d"}]
    assert await s3("GetBucketNotificationConfiguration", **where) == {}
    for operation in ("GetBucketCors", "GetBucketWebsite", "GetBucketLifecycleConfiguration"):
        with pytest.raises(ServiceError):
            await s3(operation, **where)


async def test_a_bucket_that_is_there_is_not_taken_over(stack: _Stack, s3: S3) -> None:
    with refused("AlreadyExists", 409):
        await stack.create("AWS::S3::Bucket", BucketName="bucket")


async def test_a_bucket_that_cannot_be_made_as_asked_is_named(stack: _Stack, s3: S3) -> None:
    config = {"QueueConfigurations": [{"Event": "s3:ObjectCreated:*", "Queue": QUEUE}]}
    with pytest.raises(PartlyCreated) as raised:
        await stack.create("AWS::S3::Bucket", BucketName="half", NotificationConfiguration=config)
    assert raised.value.error.code == "InvalidArgument"
    assert raised.value.resource.physical_id == "half"
    await s3("HeadBucket", Bucket="half")


@pytest.mark.parametrize(
    ("properties", "code", "status"),
    [
        ({"ReplicationConfiguration": {}}, "NotImplemented", 501),
        ({"ObjectLockEnabled": "true"}, "NotImplemented", 501),
        ({"Colour": "red"}, "ValidationError", 400),
    ],
)
async def test_properties_that_are_refused(
    stack: _Stack, properties: dict[str, Any], code: str, status: int
) -> None:
    with refused(code, status):
        await stack.create("AWS::S3::Bucket", **properties)


async def test_a_bucket_policy(stack: _Stack, s3: S3) -> None:
    statement = {
        "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
        "Action": "s3:*", "Resource": "arn:aws:s3:::bucket/*",
    }  # fmt: skip
    document = {"Version": "2012-10-17", "Statement": [statement]}
    made = await stack.create("AWS::S3::BucketPolicy", Bucket="bucket", PolicyDocument=document)
    assert json.loads((await s3("GetBucketPolicy"))["Policy"]) == document
    await stack.delete(made)
    with refused("NoSuchBucketPolicy", 404):
        await s3("GetBucketPolicy")


async def test_notifications_join_those_of_an_existing_bucket(stack: _Stack, s3: S3) -> None:
    await _queue(s3.platform)
    own = {"Id": "own", "QueueArn": QUEUE, "Events": ["s3:ObjectRemoved:*"]}
    config = {"QueueConfigurations": [own], "EventBridgeConfiguration": {}}
    await s3("PutBucketNotificationConfiguration", NotificationConfiguration=config)

    def entry(event: str) -> dict[str, Any]:
        return {"QueueConfigurations": [{"Event": event, "Queue": QUEUE}]}

    async def events() -> list[str]:
        found = await s3("GetBucketNotificationConfiguration")
        assert "EventBridgeConfiguration" in found
        return [each["Events"][0] for each in found["QueueConfigurations"]]

    kind = "Pileus::S3::BucketNotification"
    one = await stack.create(kind, "One", Bucket="bucket", **entry("s3:ObjectCreated:Put"))
    two = await stack.create(kind, "Two", Bucket="bucket", **entry("s3:ObjectCreated:Copy"))
    assert await events() == [
        "s3:ObjectRemoved:*", "s3:ObjectCreated:Put", "s3:ObjectCreated:Copy",
    ]  # fmt: skip
    one = await stack.update(one, Bucket="bucket", **entry("s3:ObjectCreated:Post"))
    assert await events() == [
        "s3:ObjectRemoved:*", "s3:ObjectCreated:Copy", "s3:ObjectCreated:Post",
    ]  # fmt: skip
    await stack.delete(one)
    await stack.delete(two)
    assert await events() == ["s3:ObjectRemoved:*"]
