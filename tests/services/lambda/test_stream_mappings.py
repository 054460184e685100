"""What a stream mapping may not be, and what it is by default."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.testing.compute import ScriptedCompute, add_function
from pileus.testing.platform import MemoryPlatform
from pileus.values.times import utc

from .conftest import Recorder, refused
from .streams import STREAM, Function, add_stream, add_table, map_stream, put, shown

ROLE = "arn:aws:iam::000000000000:role/functions"
INVALID = ("InvalidParameterValueException", 400)


REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"EventSourceArn": STREAM + "x"}, f"Stream not found: {STREAM}x"),
    ({"FunctionName": "none"}, "Function does not exist"),
    (
        {"StartingPosition": None},
        "1 validation error detected: Value null at 'startingPosition' failed to satisfy "
        "constraint: Member must not be null.",
    ),
    (
        {"MaximumRecordAgeInSeconds": 59},
        "MaximumRecordAgeInSeconds must be -1 or at least 60 seconds.",
    ),
    (
        {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:iam::000000000000:role/x"}}},
        "The provided destination config DestinationConfig(onSuccess=null, onFailure="
        "OnFailure(destination=arn:aws:iam::000000000000:role/x)) is invalid.",
    ),
    (
        {"ScalingConfig": {"MaximumConcurrency": 2}},
        "ScalingConfig is not valid for stream event sources.",
    ),
]


@pytest.mark.parametrize(("change", "message"), REFUSALS)
async def test_mapping_is_refused(
    platform: MemoryPlatform, change: dict[str, Any], message: str
) -> None:
    await add_stream(platform)
    await add_function(platform, "f", "app.echo")
    given = {
        "EventSourceArn": STREAM,
        "FunctionName": "f",
        "StartingPosition": "LATEST",
        **change,
    }
    given = {name: value for name, value in given.items() if value is not None}
    assert await refused(platform, "CreateEventSourceMapping", **given) == (*INVALID, message)
    assert (await platform("lambda", "ListEventSourceMappings"))["EventSourceMappings"] == []


async def test_table_stream_has_no_timestamps(platform: MemoryPlatform) -> None:
    stream = await add_table(platform)
    await add_function(platform, "f", "app.echo")
    given = {
        "EventSourceArn": stream,
        "FunctionName": "f",
        "StartingPosition": "AT_TIMESTAMP",
        "StartingPositionTimestamp": utc(platform.clock.now_ms()),
    }
    assert await refused(platform, "CreateEventSourceMapping", **given) == (
        *INVALID,
        f"Unsupported starting position for arn type: {stream}",
    )


async def test_one_mapping_for_stream_and_function(platform: MemoryPlatform) -> None:
    await add_stream(platform)
    await add_function(platform, "f", "app.echo")
    made = await map_stream(platform)
    given = {"EventSourceArn": STREAM, "FunctionName": "f", "StartingPosition": "LATEST"}
    assert await refused(platform, "CreateEventSourceMapping", **given) == (
        "ResourceConflictException",
        409,
        f'The event source arn (" {STREAM} ") and function (" f ") provided mapping already '
        f"exists. Please update or delete the existing mapping with UUID {made['UUID']}",
    )


async def test_defaults_are_shown(platform: MemoryPlatform) -> None:
    await add_stream(platform)
    await add_function(platform, "f", "app.echo")
    made = await map_stream(platform)
    names = ("UUID", "LastModified", "FunctionArn", "EventSourceMappingArn", "EventSourceArn")
    assert {name: value for name, value in made.items() if name not in names} == {
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 0,
        "State": "Creating",
        "StateTransitionReason": "User action",
        "FunctionResponseTypes": [],
        "LastProcessingResult": "No records processed",
        "StartingPosition": "TRIM_HORIZON",
        "ParallelizationFactor": 1,
        "DestinationConfig": {"OnFailure": {}},
        "MaximumRecordAgeInSeconds": -1,
        "BisectBatchOnFunctionError": False,
        "MaximumRetryAttempts": -1,
        "TumblingWindowInSeconds": 0,
    }


def _template(**settings: Any) -> str:
    mapping = {
        "EventSourceArn": {"Fn::GetAtt": ["Stream", "Arn"]},
        "FunctionName": "f",
        "StartingPosition": "TRIM_HORIZON",
        **settings,
    }
    stream = {"Type": "AWS::Kinesis::Stream", "Properties": {"Name": "s", "ShardCount": 1}}
    resources = {
        "Stream": stream,
        "Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": mapping},
    }
    return json.dumps({"Resources": resources})


async def test_a_stack_has_mappings(platform: MemoryPlatform, compute: ScriptedCompute) -> None:
    function = Function()
    await function.add(platform, compute)
    given = {"BisectBatchOnFunctionError": "true", "MaximumRetryAttempts": "3", "BatchSize": "7"}
    template = _template(**given)
    await platform("cloudformation", "CreateStack", StackName="st", TemplateBody=template)
    await platform.clock.advance(20_000)
    (made,) = (await platform("lambda", "ListEventSourceMappings"))["EventSourceMappings"]
    wished = ("BisectBatchOnFunctionError", "MaximumRetryAttempts", "BatchSize")
    assert [made[name] for name in wished] == [True, 3, 7]
    await put(platform, "a1")
    await platform.clock.advance(1000)
    template = _template(BatchSize=8)
    await platform("cloudformation", "UpdateStack", StackName="st", TemplateBody=template)
    await platform.clock.advance(20_000)
    told = await shown(platform, made)
    assert [told[name] for name in wished] == [False, -1, 8]
    await put(platform, "a2")
    await platform.clock.advance(1000)
    assert function.texts == ["a1", "a2"]
    await platform("cloudformation", "DeleteStack", StackName="st")
    await platform.clock.advance(20_000)
    assert (await platform("lambda", "ListEventSourceMappings"))["EventSourceMappings"] == []


async def test_a_consumer_names_its_stream(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    stream = await add_stream(platform)
    function = Function()
    await function.add(platform, compute)
    given = {"StreamARN": stream, "ConsumerName": "c"}
    consumer = await platform("kinesis", "RegisterStreamConsumer", **given)
    arn = consumer["Consumer"]["ConsumerARN"]
    await map_stream(platform, arn)
    await put(platform, "a1")
    await platform.clock.advance(1000)
    assert function.texts == ["a1"]
    assert function.events[0]["Records"][0]["eventSourceARN"] == arn


async def test_a_mapping_that_slept_for_days_begins_with_what_is_left(
    platform: MemoryPlatform, compute: ScriptedCompute, recorder: Recorder
) -> None:
    stream = await add_table(platform)
    await add_function(platform, "f", "app.echo")
    made = await map_stream(platform, stream)
    for name, days in (("a", 0), ("b", 2), ("c", 0)):
        await platform("dynamodb", "PutItem", TableName="tab", Item={"pk": {"S": name}})
        await platform.clock.advance(1000)
        if name == "a":
            await platform("lambda", "UpdateEventSourceMapping", UUID=made["UUID"], Enabled=False)
        await platform.clock.advance(days * 86_400_000)
    await platform("lambda", "UpdateEventSourceMapping", UUID=made["UUID"], Enabled=True)
    await platform.clock.advance(60_000)
    keys = [r["dynamodb"]["Keys"]["pk"]["S"] for e in recorder.events for r in e["Records"]]
    assert keys == ["a", "c"]
