"""Stacks are made, changed, rolled back and deleted as their templates say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError

BASIC = {
    "Description": "queues and topics",
    "Parameters": {"Stage": {"Type": "String", "Default": "dev"}},
    "Resources": {
        "Queue": {
            "Type": "AWS::SQS::Queue",
            "Properties": {"QueueName": {"Fn::Sub": "${Stage}-jobs"}, "VisibilityTimeout": 40},
        },
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Subscription": {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "TopicArn": {"Ref": "Topic"},
                "Protocol": "sqs",
                "Endpoint": {"Fn::GetAtt": ["Queue", "Arn"]},
            },
        },
    },
    "Outputs": {
        "Url": {"Value": {"Ref": "Queue"}, "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-url"}}}
    },
}


async def deploy(
    platform: MemoryPlatform, template: dict[str, Any], name: str = "app", **more: Any
) -> dict[str, Any]:
    """CreateStack, and the stack when it is at rest."""
    await platform(
        "cloudformation", "CreateStack", StackName=name, TemplateBody=json.dumps(template), **more
    )
    return await described(platform, name)


async def described(platform: MemoryPlatform, name: str = "app") -> dict[str, Any]:
    await platform.clock.advance(1000)
    output = await platform("cloudformation", "DescribeStacks", StackName=name)
    stack: dict[str, Any] = output["Stacks"][0]
    return stack


async def history(platform: MemoryPlatform, name: str = "app") -> list[tuple[str, str]]:
    """Logical id and status of every event, oldest first."""
    output = await platform("cloudformation", "DescribeStackEvents", StackName=name)
    events = reversed(output["StackEvents"])
    return [(each["LogicalResourceId"], each["ResourceStatus"]) for each in events]


async def test_create_describe_delete(memory_platform: MemoryPlatform) -> None:
    stack = await deploy(memory_platform, BASIC, Tags=[{"Key": "team", "Value": "a"}])
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack
    (output,) = stack["Outputs"]
    assert output["ExportName"] == "app-url"
    assert output["OutputValue"].endswith("/dev-jobs")
    tags = await memory_platform("sqs", "ListQueueTags", QueueUrl=output["OutputValue"])
    assert tags["Tags"] == {"team": "a"}
    told = await history(memory_platform)
    assert told[0] == ("app", "CREATE_IN_PROGRESS")
    assert told[-1] == ("app", "CREATE_COMPLETE")
    assert told.index(("Queue", "CREATE_COMPLETE")) < told.index(
        ("Subscription", "CREATE_IN_PROGRESS")
    )
    await memory_platform("cloudformation", "DeleteStack", StackName="app")
    with pytest.raises(ServiceError, match="Stack with id app does not exist"):
        await described(memory_platform)
    gone = await described(memory_platform, stack["StackId"])
    assert gone["StackStatus"] == "DELETE_COMPLETE"
    assert "QueueUrls" not in await memory_platform("sqs", "ListQueues")
    assert (await memory_platform("sns", "ListTopics"))["Topics"] == []
