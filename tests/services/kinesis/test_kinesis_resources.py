"""The types of this room as CloudFormation uses them."""

from __future__ import annotations

from typing import Any

from pileus.kernel.resources import Resource, ResourceRequest
from pileus.services.kinesis.resources import RESOURCE_TYPES
from pileus.testing.platform import MemoryPlatform


class Stack:
    """Steps of a stack, without CloudFormation."""

    def __init__(self, platform: MemoryPlatform, kind: str) -> None:
        self.platform = platform
        self.kind = kind
        self.steps = 0

    async def __call__(self, act: str, properties: dict[str, Any], **more: Any) -> Any:
        request = ResourceRequest(
            type=self.kind,
            logical_id="L",
            stack_id="id",
            stack_name="stack",
            properties=properties,
            token="ABCDEFGHIJKL",
            **more,
        )
        self.steps += 1
        call = self.platform.kernel.stream_call(("000000000000", "us-east-1", "kinesis"))
        step = call.step(self.platform.context, self.kind, f"{self.kind}-{self.steps}")
        work = getattr(RESOURCE_TYPES[self.kind], act)
        assert work is not None
        return await self.platform.clock.run(work(step, request))


async def _summary(platform: MemoryPlatform, name: str) -> dict[str, Any]:
    told = await platform("kinesis", "DescribeStreamSummary", StreamName=name)
    return dict(told["StreamDescriptionSummary"])


async def test_the_life_of_a_stream(memory_platform: MemoryPlatform) -> None:
    stack = Stack(memory_platform, "AWS::Kinesis::Stream")
    old = {
        "ShardCount": "2",
        "RetentionPeriodHours": 48,
        "StreamEncryption": {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"},
        "Tags": [{"Key": "a", "Value": "1"}],
    }
    made: Resource = await stack("create", old)
    name = made.physical_id
    assert name == "stack-L-ABCDEFGHIJKL"
    assert made.attributes["Arn"] == f"arn:aws:kinesis:us-east-1:000000000000:stream/{name}"
    shown = await _summary(memory_platform, name)
    assert (shown["OpenShardCount"], shown["RetentionPeriodHours"]) == (2, 48)
    assert shown["EncryptionType"] == "KMS"
    new = {"ShardCount": 3, "Tags": [{"Key": "b", "Value": "2"}]}
    await stack("update", new, physical_id=name, old_properties=old)
    shown = await _summary(memory_platform, name)
    assert (shown["OpenShardCount"], shown["RetentionPeriodHours"]) == (3, 24)
    assert shown["EncryptionType"] == "NONE"
    tags = await memory_platform("kinesis", "ListTagsForStream", StreamName=name)
    assert tags["Tags"] == [{"Key": "b", "Value": "2"}]
    for _ in range(2):
        await stack("delete", new, physical_id=name)
    assert (await memory_platform("kinesis", "ListStreams"))["StreamNames"] == []


async def test_a_stream_without_shards_is_on_demand(memory_platform: MemoryPlatform) -> None:
    stack = Stack(memory_platform, "AWS::Kinesis::Stream")
    await stack("create", {"Name": "s"})
    assert (await _summary(memory_platform, "s"))["StreamModeDetails"] == {
        "StreamMode": "ON_DEMAND"
    }
    given = {"physical_id": "s", "old_properties": {"Name": "s"}}
    await stack("update", {"Name": "s", "ShardCount": 8}, **given)
    shown = await _summary(memory_platform, "s")
    assert (shown["StreamModeDetails"]["StreamMode"], shown["OpenShardCount"]) == ("PROVISIONED", 8)


async def test_the_life_of_a_consumer_and_a_policy(memory_platform: MemoryPlatform) -> None:
    await memory_platform("kinesis", "CreateStream", StreamName="s", ShardCount=1)
    arn = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
    stack = Stack(memory_platform, "AWS::Kinesis::StreamConsumer")
    given = {"StreamARN": arn, "ConsumerName": "c"}
    made: Resource = await stack("create", given)
    assert made.physical_id == made.attributes["ConsumerARN"]
    assert made.attributes["ConsumerCreationTimestamp"].isdigit()
    policies = Stack(memory_platform, "AWS::Kinesis::ResourcePolicy")
    policy = {"ResourceArn": made.physical_id, "ResourcePolicy": {"Statement": []}}
    assert (await policies("create", policy)).physical_id == made.physical_id
    await policies("delete", policy, physical_id=made.physical_id)
    await stack("delete", given, physical_id=made.physical_id)
    told = await memory_platform("kinesis", "ListStreamConsumers", StreamARN=arn)
    assert told["Consumers"] == []
