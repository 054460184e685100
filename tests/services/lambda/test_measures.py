"""What CloudWatch shows of functions, to the digit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pileus.testing.compute import ScriptedCompute, add_function, add_role
from pileus.testing.platform import MemoryPlatform
from pileus.values.times import utc

from .conftest import Recorder, programs

MINUTE_MS = 60_000


@pytest.fixture
async def measured(tmp_path: Path, recorder: Recorder) -> AsyncIterator[MemoryPlatform]:
    """A platform that measures itself, at the beginning of a minute."""
    compute = ScriptedCompute(tmp_path, programs(recorder))

    def prepare(made: MemoryPlatform) -> None:
        compute(made)
        made.kernel.measures.is_on = True

    platform = await MemoryPlatform.start(prepare=prepare)
    await add_role(platform)
    await platform.clock.advance(MINUTE_MS - platform.clock.now_ms() % MINUTE_MS)
    yield platform
    await platform.crash()


async def told(
    platform: MemoryPlatform, name: str, stat: str = "Sum", **dimensions: str
) -> list[float]:
    """One figure a minute, oldest first."""
    now_ms = platform.clock.now_ms()
    found = await platform(
        "cloudwatch",
        "GetMetricStatistics",
        Namespace="AWS/Lambda",
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=utc(now_ms - 23 * 60 * MINUTE_MS),
        EndTime=utc(now_ms + MINUTE_MS),
        Period=60,
        Statistics=[stat],
    )
    return [point[stat] for point in sorted(found["Datapoints"], key=lambda one: one["Timestamp"])]


async def next_minute(platform: MemoryPlatform) -> None:
    """Go to where the minute under way has been handed over."""
    await platform.clock.advance(MINUTE_MS - platform.clock.now_ms() % MINUTE_MS + 1000)


async def call(platform: MemoryPlatform, name: str, qualifier: str = "") -> None:
    asked = {"Qualifier": qualifier} if qualifier else {}
    await platform("lambda", "Invoke", FunctionName=name, Payload=b"1", **asked)


async def test_invocations_count_for_what_was_asked_for(measured: MemoryPlatform) -> None:
    await add_function(measured, "f", "app.echo")
    for name in ("live", "next"):
        version = (await measured("lambda", "PublishVersion", FunctionName="f"))["Version"]
        about = {"FunctionName": "f", "Name": name, "FunctionVersion": version}
        await measured("lambda", "CreateAlias", **about)
    for qualifier in ("", "", "$LATEST", "1", "live", "live", "live"):
        await call(measured, "f", qualifier)
    await next_minute(measured)
    assert await told(measured, "Invocations", FunctionName="f") == [7]
    expected: dict[str, list[float]] = {
        "f": [2], "f:$LATEST": [1], "f:1": [1], "f:live": [3], "f:next": [],
    }  # fmt: skip
    for resource, count in expected.items():
        found = await told(measured, "Invocations", FunctionName="f", Resource=resource)
        assert found == count, resource
    about = {"FunctionName": "f", "Resource": "f:live"}
    assert await told(measured, "Invocations", **about, ExecutedVersion="1") == [3]
    assert await told(measured, "Errors", **about, ExecutedVersion="1") == [0]
    about["Resource"] = "f:1"
    assert await told(measured, "Invocations", **about, ExecutedVersion="1") == []


async def spawned(platform: MemoryPlatform, qualifiers: list[str]) -> list[asyncio.Task[Any]]:
    given = [{"FunctionName": "f", "Payload": b"1", "Qualifier": each} for each in qualifiers]
    work = [platform.kernel.invoke(platform.context, "lambda", "Invoke", each) for each in given]
    return [asyncio.ensure_future(each) for each in work]


async def test_provisioned_concurrency_and_what_spills_over(measured: MemoryPlatform) -> None:
    await add_function(measured, "f", "app.slow", Timeout=10)
    await measured("lambda", "PublishVersion", FunctionName="f")
    about = {"FunctionName": "f", "Qualifier": "1"}
    await measured(
        "lambda", "PutProvisionedConcurrencyConfig", **about, ProvisionedConcurrentExecutions=2
    )
    await next_minute(measured)
    for task in await spawned(measured, ["1", "1", "1"]):
        await measured.clock.run(task)
    await call(measured, "f", "1")
    await next_minute(measured)
    by = {"FunctionName": "f", "Resource": "f:1"}
    assert await told(measured, "ProvisionedConcurrencyInvocations", **by) == [3]
    assert await told(measured, "ProvisionedConcurrencySpilloverInvocations", **by) == [1]
    assert await told(measured, "ProvisionedConcurrencyUtilization", "Maximum", **by) == [1.0]
    assert await told(measured, "ProvisionedConcurrencyUtilization", "Minimum", **by) == [0.5]
    assert await told(measured, "ProvisionedConcurrentExecutions", "Maximum", **by) == [2]


async def test_concurrency_of_the_account(measured: MemoryPlatform) -> None:
    await add_function(measured, "f", "app.slow", Timeout=10)
    await add_function(measured, "kept", "app.echo")
    await measured(
        "lambda", "PutFunctionConcurrency", FunctionName="kept", ReservedConcurrentExecutions=40
    )
    await call(measured, "kept")
    await next_minute(measured)
    assert await told(measured, "UnreservedConcurrentExecutions", "Maximum") == [0]
    assert await told(measured, "ClaimedAccountConcurrency", "Maximum") == [40]
    for task in await spawned(measured, ["$LATEST"] * 3):
        await measured.clock.run(task)
    await next_minute(measured)
    assert await told(measured, "UnreservedConcurrentExecutions", "Maximum") == [0, 3]
    assert await told(measured, "ClaimedAccountConcurrency", "Maximum") == [40, 43]
    assert await told(measured, "ConcurrentExecutions", "Maximum", FunctionName="f") == [3]
