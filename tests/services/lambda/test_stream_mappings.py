"""What a stream mapping may not be, and what it is by default."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.testing.compute import add_function
from pileus.testing.platform import MemoryPlatform
from pileus.values.times import utc

from .conftest import refused
from .streams import (
    STREAM,
    add_stream,
    add_table,
    map_stream,
)

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
