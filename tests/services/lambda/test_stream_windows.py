"""Tumbling windows of streams: state from batch to batch, final invocations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.testing.compute import ScriptedCompute, add_function
from pileus.testing.fake_nodes import Answer
from pileus.testing.platform import MemoryPlatform
from pileus.values.times import iso8601

from .conftest import refused
from .streams import ERROR, STREAM, Function, add_stream, map_stream, put

WINDOW_MS = 60_000


def counting(texts: list[str], event: Any) -> Answer:
    """Counts the records of a window in its state."""
    count = event["state"].get("count", 0) + len(texts)
    return Answer(json.dumps({"state": {"count": count}}).encode())


@pytest.fixture
async def function(platform: MemoryPlatform, compute: ScriptedCompute) -> Function:
    """``f`` behind stream ``s``; time stands at the beginning of a window."""
    await add_stream(platform)
    function = Function(counting)
    await function.add(platform, compute)
    await platform.clock.advance(WINDOW_MS - platform.clock.now_ms() % WINDOW_MS)
    return function


def _told(function: Function) -> list[tuple[int, int, bool, bool]]:
    """Records, state before, final, early: of each invocation."""
    return [
        (
            len(event["Records"]),
            event["state"].get("count", 0),
            event["isFinalInvokeForWindow"],
            event["isWindowTerminatedEarly"],
        )
        for event in function.events
    ]


async def test_state_goes_from_batch_to_batch(platform: MemoryPlatform, function: Function) -> None:
    start_ms = platform.clock.now_ms()
    await put(platform, "a1", "a2")
    await map_stream(platform, TumblingWindowInSeconds=60)
    await platform.clock.advance(1000)
    await put(platform, "a3")
    await platform.clock.advance(WINDOW_MS)
    assert _told(function) == [
        (2, 0, False, False),
        (1, 2, False, False),
        (0, 3, True, False),
    ]
    final = function.events[-1]
    assert final == {
        "Records": [],
        "window": {
            "start": iso8601(start_ms, millis=False),
            "end": iso8601(start_ms + WINDOW_MS, millis=False),
        },
        "state": {"count": 3},
        "shardId": "shardId-000000000000",
        "eventSourceARN": STREAM,
        "isFinalInvokeForWindow": True,
        "isWindowTerminatedEarly": False,
    }
    await put(platform, "a4")
    await platform.clock.advance(1000)
    assert _told(function)[3:] == [(1, 0, False, False)]


async def test_batches_do_not_cross_windows(platform: MemoryPlatform, function: Function) -> None:
    await put(platform, "a1", "a2")
    await platform.clock.advance(WINDOW_MS)
    await put(platform, "a3")
    await map_stream(platform, TumblingWindowInSeconds=60)
    await platform.clock.advance(1000)
    assert _told(function) == [
        (2, 0, False, False),
        (0, 2, True, False),
        (1, 0, False, False),
    ]


async def test_state_outlives_a_restart(platform: MemoryPlatform, function: Function) -> None:
    await put(platform, "a1", "a2")
    await map_stream(platform, TumblingWindowInSeconds=60)
    await platform.clock.advance(1000)
    again = await platform.restart()
    await put(again, "a3")
    await again.clock.advance(2 * WINDOW_MS)
    assert _told(function)[1:] == [(1, 2, False, False), (0, 3, True, False)]
    await again.crash()


async def test_end_of_the_shard_ends_its_window(
    platform: MemoryPlatform, function: Function
) -> None:
    await map_stream(platform, TumblingWindowInSeconds=60)
    await put(platform, "a1")
    await platform.clock.advance(1000)
    await platform(
        "kinesis", "SplitShard", StreamName="s", ShardToSplit="shardId-000000000000",
        NewStartingHashKey=str(1 << 127),
    )  # fmt: skip
    await platform.clock.advance(1000)
    assert _told(function) == [(1, 0, False, False), (0, 1, True, True)]


async def test_state_that_is_too_large_ends_the_window(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_stream(platform)
    large = json.dumps({"state": {"filler": "x" * 1_100_000}}).encode()
    function = Function(lambda texts, event: Answer(large))
    await function.add(platform, compute)
    await platform.clock.advance(WINDOW_MS - platform.clock.now_ms() % WINDOW_MS)
    await map_stream(platform, TumblingWindowInSeconds=60)
    await put(platform, "a1")
    await platform.clock.advance(1000)
    assert _told(function) == [(1, 0, False, False), (0, 0, True, True)]


async def test_final_invocation_is_retried_and_given_up(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_stream(platform)
    function = Function(lambda texts, event: Answer(b"{}") if texts else ERROR)
    await function.add(platform, compute)
    await map_stream(platform, TumblingWindowInSeconds=60, MaximumRetryAttempts=2)
    await put(platform, "a1")
    await platform.clock.advance(3 * WINDOW_MS)
    assert [final for _, _, final, _ in _told(function)] == [False, True, True, True]


async def test_windows_of_parallel_lanes_are_refused(platform: MemoryPlatform) -> None:
    await add_stream(platform)
    await add_function(platform, "f", "app.echo")
    given = {"EventSourceArn": STREAM, "FunctionName": "f", "StartingPosition": "LATEST"}
    code, _, message = await refused(
        platform, "CreateEventSourceMapping", TumblingWindowInSeconds=60, ParallelizationFactor=2,
        **given,
    )  # fmt: skip
    assert code == "InvalidParameterValueException" and "ParallelizationFactor" in message
