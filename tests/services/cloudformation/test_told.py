"""What stacks tell: templates, resources, listings, and messages to buses and topics."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.services.cloudformation.test_stacks import BASIC, deploy, queue

from pileus.services.cloudformation.templates import place_of
from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError

QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:heard"


async def _bodies(platform: MemoryPlatform, url: str) -> list[str]:
    bodies: list[str] = []
    while True:
        got = await platform("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)
        if not got.get("Messages"):
            return bodies
        bodies += [message["Body"] for message in got["Messages"]]


async def test_bus_hears_of_changes(memory_platform: MemoryPlatform) -> None:
    url = (await memory_platform("sqs", "CreateQueue", QueueName="heard"))["QueueUrl"]
    pattern = json.dumps({"source": ["aws.cloudformation"]})
    await memory_platform("events", "PutRule", Name="r", EventPattern=pattern)
    await memory_platform("events", "PutTargets", Rule="r", Targets=[{"Id": "q", "Arn": QUEUE_ARN}])
    stack = await deploy(memory_platform, BASIC, ClientRequestToken="mine")
    events = [json.loads(body) for body in await _bodies(memory_platform, url)]
    whole = [each for each in events if each["detail-type"].endswith("Stack Status Change")]
    assert {each["detail"]["status-details"]["status"] for each in whole} == {
        "CREATE_IN_PROGRESS", "CREATE_COMPLETE",
    }  # fmt: skip
    assert all(each["detail"]["stack-id"] == stack["StackId"] for each in events)
    assert all(each["detail"]["client-request-token"] == "mine" for each in events)
    parts = [each["detail"] for each in events if each not in whole]
    assert {each["logical-resource-id"] for each in parts} == {"Queue", "Topic", "Subscription"}


async def test_topic_hears_of_changes(memory_platform: MemoryPlatform) -> None:
    url = (await memory_platform("sqs", "CreateQueue", QueueName="heard"))["QueueUrl"]
    topic = (await memory_platform("sns", "CreateTopic", Name="t"))["TopicArn"]
    await memory_platform(
        "sns", "Subscribe", TopicArn=topic, Protocol="sqs", Endpoint=QUEUE_ARN,
        Attributes={"RawMessageDelivery": "true"},
    )  # fmt: skip
    await deploy(memory_platform, {"Resources": {"Q": queue()}}, NotificationARNs=[topic])
    lines = [body.splitlines() for body in await _bodies(memory_platform, url)]
    statuses = [line for body in lines for line in body if line.startswith("ResourceStatus=")]
    assert statuses == [
        "ResourceStatus='CREATE_IN_PROGRESS'",
        "ResourceStatus='CREATE_IN_PROGRESS'",
        "ResourceStatus='CREATE_IN_PROGRESS'",
        "ResourceStatus='CREATE_COMPLETE'",
        "ResourceStatus='CREATE_COMPLETE'",
    ]
    assert "StackName='app'" in lines[0]


async def test_templates_are_told(memory_platform: MemoryPlatform) -> None:
    text = json.dumps(BASIC)
    told = await memory_platform("cloudformation", "ValidateTemplate", TemplateBody=text)
    assert told["Parameters"] == [{"ParameterKey": "Stage", "NoEcho": False, "DefaultValue": "dev"}]
    await deploy(memory_platform, BASIC)
    got = await memory_platform("cloudformation", "GetTemplate", StackName="app")
    assert got == {"TemplateBody": text, "StagesAvailable": ["Original", "Processed"]}
    summary = await memory_platform("cloudformation", "GetTemplateSummary", StackName="app")
    assert summary["ResourceTypes"] == [
        "AWS::SQS::Queue", "AWS::SNS::Topic", "AWS::SNS::Subscription",
    ]  # fmt: skip
    role = {"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {}}}}
    told = await memory_platform(
        "cloudformation", "ValidateTemplate", TemplateBody=json.dumps(role)
    )
    assert told["Capabilities"] == ["CAPABILITY_IAM"]
    assert told["CapabilitiesReason"] == (
        "The following resource(s) require capabilities: [AWS::IAM::Role]"
    )
    with pytest.raises(ServiceError, match="Template format error"):
        await memory_platform("cloudformation", "ValidateTemplate", TemplateBody="{")


async def test_resources_are_told(memory_platform: MemoryPlatform) -> None:
    template: dict[str, Any] = {"Resources": {"Q": {**queue(), "Metadata": {"a": 1}}}}
    await deploy(memory_platform, template)
    output = await memory_platform(
        "cloudformation", "DescribeStackResource", StackName="app", LogicalResourceId="Q"
    )
    detail = output["StackResourceDetail"]
    assert detail["Metadata"] == '{"a":1}'
    output = await memory_platform(
        "cloudformation", "DescribeStackResources",
        PhysicalResourceId=detail["PhysicalResourceId"],
    )  # fmt: skip
    assert [each["StackName"] for each in output["StackResources"]] == ["app"]
    with pytest.raises(ServiceError, match="Resource X does not exist for stack app"):
        await memory_platform(
            "cloudformation", "DescribeStackResource", StackName="app", LogicalResourceId="X"
        )
    with pytest.raises(ServiceError, match="Stack 'no' does not exist"):
        await memory_platform(
            "cloudformation", "DescribeStackResource", StackName="no", LogicalResourceId="X"
        )


async def test_long_histories_come_in_pages(memory_platform: MemoryPlatform) -> None:
    await deploy(memory_platform, {"Resources": {f"Q{n}": queue() for n in range(40)}})
    first = await memory_platform("cloudformation", "DescribeStackEvents", StackName="app")
    assert len(first["StackEvents"]) == 100
    rest = await memory_platform(
        "cloudformation", "DescribeStackEvents", StackName="app", NextToken=first["NextToken"]
    )
    assert len(rest["StackEvents"]) == 40 * 3 + 2 - 100
    assert rest["StackEvents"][-1]["ResourceStatusReason"] == "User Initiated"


async def test_stack_policy_is_kept(memory_platform: MemoryPlatform) -> None:
    await deploy(memory_platform, BASIC)
    policy = '{"Statement": []}'
    await memory_platform(
        "cloudformation", "SetStackPolicy", StackName="app", StackPolicyBody=policy
    )
    got = await memory_platform("cloudformation", "GetStackPolicy", StackName="app")
    assert got["StackPolicyBody"] == policy


async def test_deleted_stacks_are_listed_for_90_days(memory_platform: MemoryPlatform) -> None:
    await deploy(memory_platform, BASIC)
    await memory_platform("cloudformation", "DeleteStack", StackName="app")
    await memory_platform.clock.advance(1000)
    wanted = {"StackStatusFilter": ["DELETE_COMPLETE"]}
    listed = await memory_platform("cloudformation", "ListStacks", **wanted)
    assert len(listed["StackSummaries"]) == 1
    await memory_platform.clock.advance(90 * 24 * 3600 * 1000)
    listed = await memory_platform("cloudformation", "ListStacks", **wanted)
    assert listed["StackSummaries"] == []


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("s3://b/deep/key.json", ("b", "deep/key.json")),
        ("http://127.0.0.1:4566/b/deep/key.json", ("b", "deep/key.json")),
        ("http://b.localhost:4566/key.json", ("b", "key.json")),
        ("http://b.s3.localhost.localstack.cloud:4566/k", ("b", "k")),
        ("https://s3.amazonaws.com/b/k", ("b", "k")),
        ("https://s3.eu-west-1.amazonaws.com/b/k", ("b", "k")),
        ("https://s3-eu-west-1.amazonaws.com/b/k", ("b", "k")),
        ("https://my.b.s3.eu-west-1.amazonaws.com/a%20k", ("my.b", "a k")),
    ],
)
def test_addresses_of_templates(url: str, place: tuple[str, str]) -> None:
    assert place_of(url) == {"Bucket": place[0], "Key": place[1]}


def test_other_addresses_are_refused() -> None:
    for url in ("https://example.com/b/k", "ftp://b/k", "k", "http://127.0.0.1:1/b"):
        with pytest.raises(ServiceError, match="TemplateURL must be a supported URL"):
            place_of(url)


@pytest.mark.parametrize(
    ("name", "constraint"),
    [
        ("a_b", "satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"),
        ("1a", "satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"),
        ("a" * 129, "have length less than or equal to 128"),
    ],
)
async def test_what_a_stack_cannot_be_called(
    memory_platform: MemoryPlatform, name: str, constraint: str
) -> None:
    with pytest.raises(ServiceError) as caught:
        await deploy(memory_platform, {"Resources": {"Q": queue()}}, name)
    assert caught.value.message == (
        f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: "
        f"Member must {constraint}"
    )


async def test_what_a_stack_lacks_is_not_told(memory_platform: MemoryPlatform) -> None:
    stack = await deploy(memory_platform, {"Resources": {"Q": queue()}})
    assert {"Parameters", "Outputs", "Capabilities", "StackStatusReason"}.isdisjoint(stack)
    assert (stack["NotificationARNs"], stack["Tags"]) == ([], [])


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (
            {"Resources": {"Q": queue(QueueName={"Fn::FindInMap": ["Gone", "a", "b"]})}},
            "Template error: Mapping named 'Gone' is not present in the 'Mappings' section of "
            "template.",
        ),
        (
            {"Parameters": {"P": {"Type": "Text"}}, "Resources": {"Q": queue()}},
            "Template format error: Unrecognized parameter type: Text",
        ),
    ],
)
async def test_templates_that_are_refused_whole(
    memory_platform: MemoryPlatform, part: dict[str, Any], told: str
) -> None:
    with pytest.raises(ServiceError) as caught:
        await deploy(memory_platform, part)
    assert caught.value.message == told
