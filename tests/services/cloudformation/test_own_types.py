"""The types that CloudFormation carries out itself: custom resources, wait conditions, stacks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.services.cloudformation.test_stacks import (
    deploy,
    described,
    history,
    parameter,
    queue,
    queues,
    update,
)

from pileus.services.cloudformation.answers import answer
from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError

TOPIC = "arn:aws:sns:us-east-1:000000000000:maker"
SPACE = ("000000000000", "us-east-1", "cloudformation")


@pytest.fixture
async def maker(memory_platform: MemoryPlatform) -> str:
    """The queue in which requests for custom resources arrive."""
    url = (await memory_platform("sqs", "CreateQueue", QueueName="asked"))["QueueUrl"]
    await memory_platform("sns", "CreateTopic", Name="maker")
    await memory_platform(
        "sns", "Subscribe", TopicArn=TOPIC, Protocol="sqs",
        Endpoint="arn:aws:sqs:us-east-1:000000000000:asked",
        Attributes={"RawMessageDelivery": "true"},
    )  # fmt: skip
    return str(url)


async def asked(platform: MemoryPlatform, url: str) -> dict[str, Any]:
    """The next request for a custom resource."""
    await platform.clock.advance(1000)
    (message,) = (await platform("sqs", "ReceiveMessage", QueueUrl=url))["Messages"]
    await platform("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    request: dict[str, Any] = json.loads(message["Body"])
    return request


async def answered(platform: MemoryPlatform, request: dict[str, Any], **more: Any) -> None:
    """PUT an answer where the request says."""
    payload = {"Status": "SUCCESS", "PhysicalResourceId": "thing-1", **more}
    token = request["ResponseURL"].rpartition("/")[2]
    await answer(platform.kernel.stream_call(SPACE), token, json.dumps(payload).encode())
    await platform.clock.advance(1000)


def custom(**properties: Any) -> dict[str, Any]:
    return {"Type": "Custom::Thing", "Properties": {"ServiceToken": TOPIC, **properties}}


async def test_custom_resource_lives(memory_platform: MemoryPlatform, maker: str) -> None:
    template = {
        "Resources": {
            "Thing": custom(Size=3, Deep={"Flag": True}),
            "Copy": parameter({"Fn::GetAtt": ["Thing", "Address"]}, Name="/copy"),
        }
    }
    stack = await deploy(memory_platform, template)
    assert stack["StackStatus"] == "CREATE_IN_PROGRESS"
    request = await asked(memory_platform, maker)
    assert request["RequestType"] == "Create"
    assert request["ResourceType"] == "Custom::Thing"
    assert request["ResourceProperties"] == {
        "ServiceToken": TOPIC, "Size": "3", "Deep": {"Flag": "true"},
    }  # fmt: skip
    await answered(memory_platform, request, Data={"Address": "here"})
    assert (await described(memory_platform))["StackStatus"] == "CREATE_COMPLETE"
    copy = await memory_platform("ssm", "GetParameter", Name="/copy")
    assert copy["Parameter"]["Value"] == "here"

    template["Resources"]["Thing"] = custom(Size=4)
    await update(memory_platform, template)
    request = await asked(memory_platform, maker)
    assert request["RequestType"] == "Update"
    assert request["PhysicalResourceId"] == "thing-1"
    assert request["OldResourceProperties"]["Size"] == "3"
    await answered(memory_platform, request, PhysicalResourceId="thing-2", Data={"Address": "x"})
    request = await asked(memory_platform, maker)
    assert (request["RequestType"], request["PhysicalResourceId"]) == ("Delete", "thing-1")
    await answered(memory_platform, request)
    assert (await described(memory_platform))["StackStatus"] == "UPDATE_COMPLETE"

    await memory_platform("cloudformation", "DeleteStack", StackName="app")
    request = await asked(memory_platform, maker)
    assert (request["RequestType"], request["PhysicalResourceId"]) == ("Delete", "thing-2")
    await answered(memory_platform, request)
    with pytest.raises(ServiceError, match="does not exist"):
        await described(memory_platform)


async def test_custom_resource_that_fails_is_deleted(
    memory_platform: MemoryPlatform, maker: str
) -> None:
    await deploy(memory_platform, {"Resources": {"Thing": custom()}})
    request = await asked(memory_platform, maker)
    await answered(memory_platform, request, Status="FAILED", Reason="no room")
    request = await asked(memory_platform, maker)
    assert (request["RequestType"], request["PhysicalResourceId"]) == ("Delete", "thing-1")
    await answered(memory_platform, request)
    assert (await described(memory_platform))["StackStatus"] == "ROLLBACK_COMPLETE"
    output = await memory_platform("cloudformation", "DescribeStackEvents", StackName="app")
    reasons = [each.get("ResourceStatusReason", "") for each in output["StackEvents"]]
    assert any("Message returned: no room" in reason for reason in reasons)


async def test_custom_resource_times_out(memory_platform: MemoryPlatform, maker: str) -> None:
    await deploy(memory_platform, {"Resources": {"Thing": custom()}}, OnFailure="DO_NOTHING")
    await memory_platform.clock.advance(3_500_000)
    assert (await described(memory_platform))["StackStatus"] == "CREATE_IN_PROGRESS"
    await memory_platform.clock.advance(100_000)
    stack = await described(memory_platform)
    assert stack["StackStatus"] == "CREATE_FAILED"


async def test_answer_reaches_a_platform_that_was_restarted(
    memory_platform: MemoryPlatform, maker: str
) -> None:
    await deploy(memory_platform, {"Resources": {"Thing": custom()}})
    request = await asked(memory_platform, maker)
    platform = await memory_platform.restart()
    await platform.clock.advance(1000)
    got = await platform("sqs", "ReceiveMessage", QueueUrl=maker)
    assert not got.get("Messages"), "it was asked twice"
    await answered(platform, request)
    assert (await described(platform))["StackStatus"] == "CREATE_COMPLETE"
    await platform.crash()


async def test_others_are_cancelled_when_one_fails(
    memory_platform: MemoryPlatform, maker: str
) -> None:
    template = {"Resources": {"Thing": custom(), "Bad": queue(VisibilityTimeout=10**6)}}
    await deploy(memory_platform, template)
    assert (await asked(memory_platform, maker))["RequestType"] == "Create"
    await answered(memory_platform, await asked(memory_platform, maker))
    stack = await described(memory_platform)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    output = await memory_platform("cloudformation", "DescribeStackEvents", StackName="app")
    (event,) = [
        each
        for each in output["StackEvents"]
        if (each["LogicalResourceId"], each["ResourceStatus"]) == ("Thing", "CREATE_FAILED")
    ]
    assert event["ResourceStatusReason"] == "Resource creation cancelled"


async def test_nobody_answers_under_a_wrong_token(memory_platform: MemoryPlatform) -> None:
    call = memory_platform.kernel.stream_call(SPACE)
    for token in ("", "a~b~c~d", "000000000000~us-east-1~x~y"):
        with pytest.raises(ServiceError, match="AccessDenied"):
            await answer(call, token, b"{}")


async def test_stack_deleted_while_it_is_created(
    memory_platform: MemoryPlatform, maker: str
) -> None:
    stack = await deploy(memory_platform, {"Resources": {"Thing": custom(), "Q": queue()}})
    await memory_platform("cloudformation", "DeleteStack", StackName="app")
    assert (await asked(memory_platform, maker))["RequestType"] == "Create"
    request = await asked(memory_platform, maker)
    assert request["RequestType"] == "Delete"
    await answered(memory_platform, request)
    gone = await described(memory_platform, stack["StackId"])
    assert gone["StackStatus"] == "DELETE_COMPLETE"
    assert await queues(memory_platform) == {"asked"}


async def test_update_cancelled(memory_platform: MemoryPlatform, maker: str) -> None:
    await deploy(memory_platform, {"Resources": {"Q": queue(VisibilityTimeout=30)}})
    await update(
        memory_platform, {"Resources": {"Q": queue(VisibilityTimeout=60), "Thing": custom()}}
    )
    with pytest.raises(ServiceError, match="is in UPDATE_IN_PROGRESS state and can not be updated"):
        await update(memory_platform, {"Resources": {"Q": queue()}})
    with pytest.raises(ServiceError, match="cannot be deleted while in status UPDATE_IN_PROGRESS"):
        await memory_platform("cloudformation", "DeleteStack", StackName="app")
    assert (await asked(memory_platform, maker))["RequestType"] == "Create"
    await memory_platform("cloudformation", "CancelUpdateStack", StackName="app")
    await answered(memory_platform, await asked(memory_platform, maker))
    stack = await described(memory_platform)
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


async def test_creation_times_out(memory_platform: MemoryPlatform, maker: str) -> None:
    await deploy(memory_platform, {"Resources": {"Thing": custom()}}, TimeoutInMinutes=2)
    assert (await asked(memory_platform, maker))["RequestType"] == "Create"
    await memory_platform.clock.advance(120_000)
    await answered(memory_platform, await asked(memory_platform, maker))
    assert (await described(memory_platform))["StackStatus"] == "ROLLBACK_COMPLETE"


async def test_wait_condition(memory_platform: MemoryPlatform) -> None:
    template = {
        "Resources": {
            "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
            "Wait": {
                "Type": "AWS::CloudFormation::WaitCondition",
                "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "100", "Count": 2},
            },
        },
        "Outputs": {"Data": {"Value": {"Fn::GetAtt": "Wait.Data"}}},
    }
    await deploy(memory_platform, template)
    output = await memory_platform("cloudformation", "DescribeStackResource", StackName="app",
                                   LogicalResourceId="Handle")  # fmt: skip
    url = output["StackResourceDetail"]["PhysicalResourceId"]
    call = memory_platform.kernel.stream_call(SPACE)
    for unique_id in ("a", "a", "b"):
        assert (await described(memory_platform))["StackStatus"] == "CREATE_IN_PROGRESS"
        signal = {"Status": "SUCCESS", "UniqueId": unique_id, "Data": unique_id.upper()}
        await answer(call, url.rpartition("/")[2], json.dumps(signal).encode())
    stack = await described(memory_platform)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert json.loads(stack["Outputs"][0]["OutputValue"]) == {"a": "A", "b": "B"}
    slow = await deploy(memory_platform, template, name="slow")
    assert slow["StackStatus"] == "CREATE_IN_PROGRESS"
    await memory_platform.clock.advance(100_000)
    assert (await described(memory_platform, "slow"))["StackStatus"] == "ROLLBACK_COMPLETE"
    assert ("Wait", "CREATE_FAILED") in await history(memory_platform, "slow")


CHILD = {
    "Parameters": {"Size": {"Type": "Number"}},
    "Resources": {"Q": queue(VisibilityTimeout={"Ref": "Size"})},
    "Outputs": {"Url": {"Value": {"Ref": "Q"}}},
}


def parent(size: Any) -> dict[str, Any]:
    return {
        "Resources": {
            "Child": {
                "Type": "AWS::CloudFormation::Stack",
                "Properties": {
                    "TemplateURL": "http://127.0.0.1:4566/templates/child.json",
                    "Parameters": {"Size": size},
                },
            },
            "Copy": parameter({"Fn::GetAtt": ["Child", "Outputs.Url"]}, Name="/copy"),
        }
    }


async def test_nested_stack(memory_platform: MemoryPlatform) -> None:
    await memory_platform("s3", "CreateBucket", Bucket="templates")
    await memory_platform(
        "s3", "PutObject", json.dumps(CHILD).encode(), Bucket="templates", Key="child.json"
    )
    stack = await deploy(memory_platform, parent(40))
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    listed = (await memory_platform("cloudformation", "DescribeStacks"))["Stacks"]
    (child,) = [each for each in listed if each["StackName"].startswith("app-Child-")]
    assert (child["ParentId"], child["RootId"]) == (stack["StackId"], stack["StackId"])
    copy = await memory_platform("ssm", "GetParameter", Name="/copy")
    url = copy["Parameter"]["Value"]
    assert (await update(memory_platform, parent(50)))["StackStatus"] == "UPDATE_COMPLETE"
    assert (await update(memory_platform, parent(10**6)))["StackStatus"] == (
        "UPDATE_ROLLBACK_COMPLETE"
    )
    got = await memory_platform(
        "sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["VisibilityTimeout"]
    )
    assert got["Attributes"]["VisibilityTimeout"] == "50"
    await memory_platform("cloudformation", "DeleteStack", StackName="app")
    assert await queues(memory_platform) == set()
    bad = await deploy(memory_platform, parent(10**6), name="bad")
    assert bad["StackStatus"] == "ROLLBACK_COMPLETE"
    living = (await memory_platform("cloudformation", "DescribeStacks"))["Stacks"]
    assert [each["StackName"] for each in living] == ["bad"]


async def test_tags_that_a_template_drops_are_taken_away(memory_platform: MemoryPlatform) -> None:
    def template(**tags: str) -> dict[str, Any]:
        told = [{"Key": key, "Value": value} for key, value in tags.items()]
        key = {"AttributeName": "k", "AttributeType": "S"}
        return {
            "Resources": {
                "Topic": {
                    "Type": "AWS::SNS::Topic",
                    "Properties": {"TopicName": "t", "Tags": told},
                },
                "Bus": {
                    "Type": "AWS::Events::EventBus",
                    "Properties": {"Name": "b", "Tags": told},
                },
                "Table": {
                    "Type": "AWS::DynamoDB::Table",
                    "Properties": {
                        "TableName": "tab",
                        "BillingMode": "PAY_PER_REQUEST",
                        "AttributeDefinitions": [key],
                        "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
                        "Tags": told,
                    },
                },
            }
        }

    await deploy(memory_platform, template(a="1", b="2"))
    stack = await update(memory_platform, template(b="3"))
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    left = [{"Key": "b", "Value": "3"}]
    prefix = "us-east-1:000000000000"
    for service, operation, member, arn in (
        ("sns", "ListTagsForResource", "ResourceArn", f"arn:aws:sns:{prefix}:t"),
        ("events", "ListTagsForResource", "ResourceARN", f"arn:aws:events:{prefix}:event-bus/b"),
        ("dynamodb", "ListTagsOfResource", "ResourceArn", f"arn:aws:dynamodb:{prefix}:table/tab"),
    ):
        assert (await memory_platform(service, operation, **{member: arn}))["Tags"] == left
