"""AWS::DynamoDB::Table with a stream, as CloudFormation uses it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from pileus.kernel.resources import Resource, ResourceRequest
from pileus.services.dynamodb.resources import RESOURCE_TYPES
from pileus.testing.platform import MemoryPlatform

KIND = "AWS::DynamoDB::Table"
PLAIN: dict[str, Any] = {
    "TableName": "tab",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def with_stream(view: str) -> dict[str, Any]:
    return {**PLAIN, "StreamSpecification": {"StreamViewType": view}}


async def step(platform: MemoryPlatform, properties: dict[str, Any], **more: Any) -> Resource:
    """Create the table, or update it where ``old_properties`` are given."""
    request = ResourceRequest(
        type=KIND,
        logical_id="T",
        stack_id="id",
        stack_name="stack",
        properties=properties,
        token="ABCDEFGHIJKL",
        **more,
    )
    call = platform.kernel.stream_call(("000000000000", "us-east-1", "dynamodb"))
    act: Any = RESOURCE_TYPES[KIND].update if more else RESOURCE_TYPES[KIND].create
    made: Resource = await platform.clock.run(
        act(call.step(platform.context, KIND, repr((properties, more))), request)
    )
    return made


async def view(platform: MemoryPlatform) -> str | None:
    table = (await platform("dynamodb", "DescribeTable", TableName="tab"))["Table"]
    found: str | None = table.get("StreamSpecification", {}).get("StreamViewType")
    return found


async def test_a_table_is_made_with_its_stream(memory_platform: MemoryPlatform) -> None:
    made = await step(memory_platform, with_stream("NEW_IMAGE"))
    table = (await memory_platform("dynamodb", "DescribeTable", TableName="tab"))["Table"]
    assert made.attributes == {"Arn": table["TableArn"], "StreamArn": table["LatestStreamArn"]}


async def test_the_stream_comes_changes_and_goes_in_place(memory_platform: MemoryPlatform) -> None:
    made = await step(memory_platform, PLAIN)
    assert "StreamArn" not in made.attributes
    arns = set()
    states = [PLAIN, with_stream("KEYS_ONLY"), with_stream("NEW_IMAGE"), PLAIN]
    for old, new in pairwise(states):
        made = await step(memory_platform, new, old_properties=old, physical_id="tab")
        assert await view(memory_platform) == new.get("StreamSpecification", {}).get(
            "StreamViewType"
        )
        arns.add(made.attributes.get("StreamArn"))
    assert len(arns) == 3 and None in arns


async def test_the_destination_comes_changes_and_goes_in_place(
    memory_platform: MemoryPlatform,
) -> None:
    arns = []
    for name in ("one", "two"):
        await memory_platform("kinesis", "CreateStream", StreamName=name, ShardCount=1)
        arns.append(f"arn:aws:kinesis:us-east-1:000000000000:stream/{name}")
    one, two = ({**PLAIN, "KinesisStreamSpecification": {"StreamArn": arn}} for arn in arns)
    await step(memory_platform, one)

    async def active() -> list[str]:
        told = await memory_platform(
            "dynamodb", "DescribeKinesisStreamingDestination", TableName="tab"
        )
        shown = told["KinesisDataStreamDestinations"]
        return [each["StreamArn"] for each in shown if each["DestinationStatus"] == "ACTIVE"]

    assert await active() == [arns[0]]
    await step(memory_platform, two, old_properties=one, physical_id="tab")
    assert await active() == [arns[1]]
    await step(memory_platform, PLAIN, old_properties=two, physical_id="tab")
    assert await active() == []
