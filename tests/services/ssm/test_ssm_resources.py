"""AWS::SSM::Parameter as CloudFormation uses it."""

from __future__ import annotations

from typing import Any

from pileus.kernel.resources import ResourceRequest
from pileus.services.ssm.resources import RESOURCE_TYPES
from pileus.testing.platform import MemoryPlatform

SPACE = ("000000000000", "us-east-1", "ssm")


def request(properties: dict[str, Any], **more: Any) -> ResourceRequest:
    return ResourceRequest(
        type="AWS::SSM::Parameter",
        logical_id="P",
        stack_id="id",
        stack_name="stack",
        properties=properties,
        token="ABCDEFGHIJKL",
        **more,
    )


async def test_the_life_of_a_parameter(memory_platform: MemoryPlatform) -> None:
    kind = RESOURCE_TYPES["AWS::SSM::Parameter"]
    call = memory_platform.kernel.stream_call(SPACE)
    clock = memory_platform.clock
    old = {"Type": "String", "Value": "one", "Tags": {"a": "1"}}
    made = await clock.run(kind.create(call, request(old)))
    assert made.physical_id == "CFN-stack-P-ABCDEFGHIJKL"
    assert made.attributes == {"Type": "String", "Value": "one"}
    new = {"Type": "String", "Value": "two", "Tags": {"b": "2"}}
    assert kind.update is not None
    await clock.run(
        kind.update(call, request(new, physical_id=made.physical_id, old_properties=old))
    )
    found = await memory_platform("ssm", "GetParameter", Name=made.physical_id)
    assert found["Parameter"]["Value"] == "two"
    tags = await memory_platform(
        "ssm", "ListTagsForResource", ResourceType="Parameter", ResourceId=made.physical_id
    )
    assert tags["TagList"] == [{"Key": "b", "Value": "2"}]
    await clock.run(kind.delete(call, request(new, physical_id=made.physical_id)))
    assert (await memory_platform("ssm", "DescribeParameters"))["Parameters"] == []
