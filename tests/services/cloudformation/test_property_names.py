"""A property is one that the type has at AWS, and one without effect here is told."""

from __future__ import annotations

import json

import pytest

from pileus.kernel.resources import declared
from pileus.kernel.rooms import Registry
from pileus.testing.platform import MemoryPlatform

from .test_stacks import deploy, described, queue, queues

LOOK_THEMSELVES = {
    "AWS::CDK::Metadata",
    "AWS::CloudFormation::CustomResource",
    "AWS::CloudFormation::WaitConditionHandle",
    "AWS::S3::Bucket",
    "Pileus::Media::Engine",
    "Pileus::Media::Pipeline",
    "Pileus::Media::Source",
    "Pileus::S3::BucketNotification",
}


async def reasons(platform: MemoryPlatform) -> dict[tuple[str, str], str]:
    output = await platform("cloudformation", "DescribeStackEvents", StackName="app")
    return {
        (each["LogicalResourceId"], each["ResourceStatus"]): each["ResourceStatusReason"]
        for each in output["StackEvents"]
        if "ResourceStatusReason" in each
    }


async def test_what_a_type_does_not_have_is_refused(memory_platform: MemoryPlatform) -> None:
    wrong = queue(QueueName="a", Delay=1, visibilityTimeout=4)
    stack = await deploy(memory_platform, {"Resources": {"Queue": wrong}})
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert (await reasons(memory_platform))["Queue", "CREATE_FAILED"] == (
        "Properties validation failed for resource Queue with message:\n"
        "#: extraneous key [Delay] is not permitted\n"
        "#: extraneous key [visibilityTimeout] is not permitted"
    )
    assert await queues(memory_platform) == set()


async def test_an_update_to_it_is_rolled_back(memory_platform: MemoryPlatform) -> None:
    await deploy(memory_platform, {"Resources": {"Queue": queue(QueueName="a", DelaySeconds=1)}})
    wrong = {"Resources": {"Queue": queue(QueueName="a", DelaySeconds=2, Delay=2)}}
    given = {"StackName": "app", "TemplateBody": json.dumps(wrong)}
    await memory_platform("cloudformation", "UpdateStack", **given)
    assert (await described(memory_platform))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    told = (await reasons(memory_platform))["Queue", "UPDATE_FAILED"]
    assert "extraneous key [Delay] is not permitted" in told
    url = (await memory_platform("sqs", "GetQueueUrl", QueueName="a"))["QueueUrl"]
    found = await memory_platform(
        "sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["DelaySeconds"]
    )
    assert found["Attributes"] == {"DelaySeconds": "1"}


async def test_nothing_that_a_condition_takes_away_is_looked_at(
    memory_platform: MemoryPlatform,
) -> None:
    template = {"Resources": {"Queue": queue(QueueName="a", Delay={"Ref": "AWS::NoValue"})}}
    assert (await deploy(memory_platform, template))["StackStatus"] == "CREATE_COMPLETE"


async def test_what_aws_has_and_pileus_not_is_refused_by_name(
    memory_platform: MemoryPlatform,
) -> None:
    given = {"LogGroupName": "g", "DataProtectionPolicy": {"Name": "p"}}
    group = {"Type": "AWS::Logs::LogGroup", "Properties": given}
    stack = await deploy(memory_platform, {"Resources": {"Group": group}})
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    told = (await reasons(memory_platform))["Group", "CREATE_FAILED"]
    assert "Pileus does not implement the property DataProtectionPolicy of AWS::Logs" in told


async def test_what_has_no_effect_is_told(memory_platform: MemoryPlatform) -> None:
    given = {"TopicName": "t", "DeliveryStatusLogging": [], "MaximumMessageSize": 1024}
    topic = {"Type": "AWS::SNS::Topic", "Properties": given}
    stack = await deploy(memory_platform, {"Resources": {"Topic": topic}})
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    output = await memory_platform("cloudformation", "DescribeStackEvents", StackName="app")
    (told,) = [
        each["ResourceStatusReason"]
        for each in output["StackEvents"]
        if "no effect" in each.get("ResourceStatusReason", "")
    ]
    assert (
        told == "Pileus gives no effect to DeliveryStatusLogging, MaximumMessageSize of "
        "AWS::SNS::Topic."
    )


def test_every_type_says_which_properties_it_has() -> None:
    registry = Registry()
    for name in registry.resource_type_names():
        kind = registry.resource_type(name)
        assert (kind.properties is None) == (name in LOOK_THEMSELVES), name
        if kind.properties is not None:
            lists = (kind.properties.taken, kind.properties.ignored, kind.properties.refused)
            assert len(frozenset().union(*lists)) == sum(map(len, lists)), name
            assert kind.replaced_by <= kind.properties.taken, name
            assert {kind.taggable} - {""} <= kind.properties.taken, name


@pytest.mark.parametrize(
    ("given", "unknown"), [(["A", "B", "C"], []), (["D", "A", "a"], ["D", "a"])]
)
def test_names_are_told_apart(given: list[str], unknown: list[str]) -> None:
    assert declared("A", ignored="B", refused="C").unknown(given) == unknown
