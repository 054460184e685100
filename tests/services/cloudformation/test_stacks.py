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


async def update(
    platform: MemoryPlatform, template: dict[str, Any], name: str = "app", **more: Any
) -> dict[str, Any]:
    await platform(
        "cloudformation", "UpdateStack", StackName=name, TemplateBody=json.dumps(template), **more
    )
    return await described(platform, name)


def queue(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def parameter(value: Any, **more: Any) -> dict[str, Any]:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value, **more}}


async def physical_ids(platform: MemoryPlatform, name: str = "app") -> dict[str, str]:
    output = await platform("cloudformation", "ListStackResources", StackName=name)
    found = output["StackResourceSummaries"]
    return {each["LogicalResourceId"]: each.get("PhysicalResourceId", "") for each in found}


async def queues(platform: MemoryPlatform) -> set[str]:
    output = await platform("sqs", "ListQueues")
    return {url.rpartition("/")[2] for url in output.get("QueueUrls", ())}


async def test_update_in_place_replaces_and_removes(memory_platform: MemoryPlatform) -> None:
    first = {"Kept": queue(VisibilityTimeout=30), "Moved": queue(QueueName="old"), "Gone": queue()}
    first["Told"] = parameter({"Fn::GetAtt": ["Moved", "Arn"]}, Name="/told")
    await deploy(memory_platform, {"Resources": first})
    before = await physical_ids(memory_platform)
    second = {**first, "Kept": queue(VisibilityTimeout=60), "Moved": queue(QueueName="new")}
    del second["Gone"]
    stack = await update(memory_platform, {"Resources": second})
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    after = await physical_ids(memory_platform)
    assert after["Kept"] == before["Kept"]
    assert "Gone" not in after
    assert await queues(memory_platform) == {"new", before["Kept"].rpartition("/")[2]}
    told = await memory_platform("ssm", "GetParameter", Name="/told")
    assert told["Parameter"]["Value"].endswith(":new")
    events = await history(memory_platform)
    cleanup = events.index(("app", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"))
    assert set(events[cleanup + 1 : -1]) == {
        ("Moved", "DELETE_IN_PROGRESS"),
        ("Moved", "DELETE_COMPLETE"),
        ("Gone", "DELETE_IN_PROGRESS"),
        ("Gone", "DELETE_COMPLETE"),
    }


async def test_nothing_to_update(memory_platform: MemoryPlatform) -> None:
    await deploy(memory_platform, BASIC)
    with pytest.raises(ServiceError, match=r"No updates are to be performed\."):
        await update(memory_platform, BASIC)


async def test_failed_create_rolls_back(memory_platform: MemoryPlatform) -> None:
    template = {
        "Resources": {
            "Good": queue(),
            "Bad": {**queue(VisibilityTimeout=10**6), "DependsOn": "Good"},
            "After": {**queue(), "DependsOn": "Bad"},
        }
    }
    stack = await deploy(memory_platform, template)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert await queues(memory_platform) == set()
    events = await history(memory_platform)
    assert ("After", "CREATE_IN_PROGRESS") not in events
    output = await memory_platform("cloudformation", "DescribeStackEvents", StackName="app")
    reasons = {
        (each["LogicalResourceId"], each["ResourceStatus"]): each.get("ResourceStatusReason", "")
        for each in output["StackEvents"]
    }
    assert reasons["app", "ROLLBACK_IN_PROGRESS"] == (
        "The following resource(s) failed to create: [Bad]. Rollback requested by user."
    )
    assert "HandlerErrorCode: InvalidRequest" in reasons["Bad", "CREATE_FAILED"]
    with pytest.raises(ServiceError, match="is in ROLLBACK_COMPLETE state and can not be updated"):
        await update(memory_platform, template)
    await memory_platform("cloudformation", "DeleteStack", StackName="app")
    assert (await deploy(memory_platform, BASIC))["StackStatus"] == "CREATE_COMPLETE"


async def test_failed_create_may_be_left_or_deleted(memory_platform: MemoryPlatform) -> None:
    template = {"Resources": {"Good": queue(), "Bad": queue(VisibilityTimeout=10**6)}}
    stack = await deploy(memory_platform, template, OnFailure="DO_NOTHING")
    assert stack["StackStatus"] == "CREATE_FAILED"
    assert len(await queues(memory_platform)) == 1
    await memory_platform("cloudformation", "DeleteStack", StackName="app")
    assert await queues(memory_platform) == set()
    with pytest.raises(ServiceError, match="does not exist"):
        await deploy(memory_platform, template, name="other", OnFailure="DELETE")


async def test_failed_update_rolls_back(memory_platform: MemoryPlatform) -> None:
    first = {
        "Kept": queue(VisibilityTimeout=30),
        "Moved": queue(QueueName="old"),
        "Told": parameter("1", Name="/told"),
    }
    await deploy(memory_platform, {"Resources": first})
    before = await physical_ids(memory_platform)
    second = {
        "Kept": queue(VisibilityTimeout=60),
        "Moved": queue(QueueName="new"),
        "Told": parameter({"Ref": "Moved"}, Name="/told"),
        "Added": queue(),
        "Bad": {**queue(DelaySeconds=10**6), "DependsOn": ["Kept", "Told", "Added"]},
    }
    stack = await update(memory_platform, {"Resources": second})
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert await physical_ids(memory_platform) == before
    assert await queues(memory_platform) == {"old", before["Kept"].rpartition("/")[2]}
    url = before["Kept"]
    got = await memory_platform(
        "sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["VisibilityTimeout"]
    )
    assert got["Attributes"]["VisibilityTimeout"] == "30"
    told = await memory_platform("ssm", "GetParameter", Name="/told")
    assert told["Parameter"]["Value"] == "1"
    del second["Bad"]
    assert (await update(memory_platform, {"Resources": second}))["StackStatus"] == (
        "UPDATE_COMPLETE"
    )


async def test_deletion_policies(memory_platform: MemoryPlatform) -> None:
    template = {
        "Resources": {
            "Kept": {**queue(QueueName="kept"), "DeletionPolicy": "Retain"},
            "Gone": queue(),
        }
    }
    stack = await deploy(memory_platform, template)
    await memory_platform("cloudformation", "DeleteStack", StackName="app")
    assert await queues(memory_platform) == {"kept"}
    events = await history(memory_platform, stack["StackId"])
    assert ("Kept", "DELETE_SKIPPED") in events
    bad = {"Resources": {"Q": {**queue(), "DeletionPolicy": "Snapshot"}}}
    with pytest.raises(ServiceError, match="Snapshot"):
        await deploy(memory_platform, bad)


async def test_replaced_resource_may_be_kept(memory_platform: MemoryPlatform) -> None:
    kept = {"UpdateReplacePolicy": "Retain"}
    await deploy(memory_platform, {"Resources": {"Q": {**queue(QueueName="one"), **kept}}})
    await update(memory_platform, {"Resources": {"Q": {**queue(QueueName="two"), **kept}}})
    assert await queues(memory_platform) == {"one", "two"}


async def test_custom_named_resource_cannot_be_replaced(memory_platform: MemoryPlatform) -> None:
    await deploy(memory_platform, {"Resources": {"P": parameter("a", Name="/p")}})
    changed = {"Resources": {"P": parameter("a", Name="/p")}}
    changed["Resources"]["P"]["Properties"]["Type"] = "StringList"
    stack = await update(memory_platform, changed)
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert (await memory_platform("ssm", "GetParameter", Name="/p"))["Parameter"]["Value"] == "a"


async def test_exports_bind_stacks(memory_platform: MemoryPlatform) -> None:
    await deploy(memory_platform, BASIC)
    importing = {"Resources": {"P": parameter({"Fn::ImportValue": "app-url"}, Name="/p")}}
    user = await deploy(memory_platform, importing, name="user")
    assert user["StackStatus"] == "CREATE_COMPLETE"
    listed = await memory_platform("cloudformation", "ListImports", ExportName="app-url")
    assert listed["Imports"] == ["user"]
    await memory_platform("cloudformation", "DeleteStack", StackName="app")
    stack = await described(memory_platform)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert stack["StackStatusReason"] == (
        "Delete canceled. Cannot delete export app-url as it is in use by user."
    )
    without = {key: value for key, value in BASIC.items() if key != "Outputs"}
    stack = await update(memory_platform, without)
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert len(stack["Outputs"]) == 1
    again = await deploy(memory_platform, {**BASIC, "Resources": {"Queue": queue()}, "Outputs": {
        "Url": {"Value": "x", "Export": {"Name": "app-url"}}}}, name="thief")  # fmt: skip
    assert again["StackStatus"] == "ROLLBACK_COMPLETE"
    await memory_platform("cloudformation", "DeleteStack", StackName="user")
    await memory_platform("cloudformation", "DeleteStack", StackName="app")
    with pytest.raises(ServiceError, match="does not exist"):
        await described(memory_platform)


async def test_missing_export_fails_the_stack(memory_platform: MemoryPlatform) -> None:
    importing = {"Resources": {"P": parameter({"Fn::ImportValue": "none"})}}
    stack = await deploy(memory_platform, importing)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    output = await memory_platform("cloudformation", "DescribeStackEvents", StackName="app")
    reasons = [each.get("ResourceStatusReason") for each in output["StackEvents"]]
    assert "No export named none found. Rollback requested by user." in reasons


async def test_stored_parameters_and_dynamic_references(memory_platform: MemoryPlatform) -> None:
    await memory_platform("ssm", "PutParameter", Name="/size", Value="45", Type="String")
    template = {
        "Parameters": {"Size": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/size"}},
        "Resources": {
            "Q": queue(VisibilityTimeout={"Ref": "Size"}),
            "P": parameter("{{resolve:ssm:/size}}", Name="/copy"),
        },
    }
    stack = await deploy(memory_platform, template)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert stack["Parameters"] == [
        {"ParameterKey": "Size", "ParameterValue": "/size", "ResolvedValue": "45"}
    ]
    copy = await memory_platform("ssm", "GetParameter", Name="/copy")
    assert copy["Parameter"]["Value"] == "45"
    await memory_platform("ssm", "PutParameter", Name="/size", Value="50", Type="String",
                          Overwrite=True)  # fmt: skip
    stack = await update(memory_platform, template)
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    copy = await memory_platform("ssm", "GetParameter", Name="/copy")
    assert copy["Parameter"]["Value"] == "50"


async def test_refusals_before_anything_is_made(memory_platform: MemoryPlatform) -> None:
    async def refused(text: str, template: dict[str, Any], **more: Any) -> None:
        with pytest.raises(ServiceError) as caught:
            await deploy(memory_platform, template, name="no", **more)
        assert text in f"{caught.value.code}: {caught.value.message}"

    unknown = {"Resources": {"Q": queue(), "X": {"Type": "AWS::Foo::Bar"}}}
    await refused("Template format error: Unrecognized resource types: [AWS::Foo::Bar]", unknown)
    unmade = {
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Resources": {"X": {"Type": "AWS::Foo::Bar", "Condition": "Never"}, "Bad": parameter("")},
    }
    made = await deploy(memory_platform, unmade, name="unmade", OnFailure="DO_NOTHING")
    assert made["StackStatus"] == "CREATE_FAILED"
    await memory_platform("cloudformation", "DeleteStack", StackName=made["StackId"])
    role = {"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "r"}}}}
    await refused(
        "InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_NAMED_IAM]",
        role,
        Capabilities=["CAPABILITY_IAM"],
    )
    await refused(
        "AWS::Serverless-2016-10-31", {**BASIC, "Transform": "AWS::Serverless-2016-10-31"}
    )
    await refused("No transform named Mine found.", {**BASIC, "Transform": "Mine"})
    await refused("Parameters: [Nope] do not exist in the template", BASIC,
                  Parameters=[{"ParameterKey": "Nope", "ParameterValue": "1"}])  # fmt: skip
    await refused("is not allowed by parameter ResourceTypes [AWS::SNS::*]", BASIC,
                  ResourceTypes=["AWS::SNS::*"])  # fmt: skip
    assert await queues(memory_platform) == set()
    listed = await memory_platform("cloudformation", "ListStacks")
    assert [each["StackName"] for each in listed["StackSummaries"]] == ["unmade"]
    await deploy(memory_platform, BASIC)
    with pytest.raises(ServiceError, match=r"Stack \[app\] already exists"):
        await deploy(memory_platform, BASIC)


async def test_termination_protection(memory_platform: MemoryPlatform) -> None:
    await deploy(memory_platform, BASIC, EnableTerminationProtection=True)
    with pytest.raises(ServiceError, match="cannot be deleted while TerminationProtection is"):
        await memory_platform("cloudformation", "DeleteStack", StackName="app")
    await memory_platform(
        "cloudformation", "UpdateTerminationProtection", StackName="app",
        EnableTerminationProtection=False,
    )  # fmt: skip
    await memory_platform("cloudformation", "DeleteStack", StackName="app")
    assert await queues(memory_platform) == set()


async def test_half_made_resources_leave_nothing(memory_platform: MemoryPlatform) -> None:
    target = {"Id": "t", "Arn": "arn:aws:sqs:us-east-1:000000000000:q", "InputPath": "no path"}
    template = {
        "Resources": {
            "Rule": {
                "Type": "AWS::Events::Rule",
                "Properties": {"ScheduleExpression": "rate(1 minute)", "Targets": [target]},
            },
            "Topic": {
                "Type": "AWS::SNS::Topic",
                "Properties": {"Subscription": [{"Protocol": "nonsense", "Endpoint": "x"}]},
            },
        }
    }
    stack = await deploy(memory_platform, template)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    told = await history(memory_platform)
    assert ("Topic", "CREATE_FAILED") in told or ("Rule", "CREATE_FAILED") in told
    assert (await memory_platform("events", "ListRules"))["Rules"] == []
    assert (await memory_platform("sns", "ListTopics"))["Topics"] == []
