"""Ages and retries of accepted events, to the millisecond, and the trace they carry."""

from __future__ import annotations

import itertools

import pytest
from msgspec.structs import replace

from pileus.testing.compute import add_function
from pileus.testing.platform import MemoryPlatform

from .conftest import Recorder, refused

MINUTE_MS = 60_000


async def send(platform: MemoryPlatform) -> None:
    given = {"FunctionName": "f", "InvocationType": "Event"}
    assert (await platform.reply("lambda", "Invoke", body=b"{}", **given)).status == 202


async def test_retries_come_to_the_millisecond(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_function(platform, "f", "app.fail")
    await platform("lambda", "Invoke", FunctionName="f", Payload=b"{}")
    await send(platform)
    await platform.clock.advance(10 * MINUTE_MS)
    began = [each.deadline_ms - 3000 for each in recorder.invocations[1:]]
    assert [b - a for a, b in itertools.pairwise(began)] == [60_000, 120_000], "a warm instance"


@pytest.mark.parametrize(("age_s", "attempts"), [(60, 2), (179, 2), (180, 3), (21_600, 3)])
async def test_the_last_moment_of_an_events_age_counts(
    platform: MemoryPlatform, recorder: Recorder, age_s: int, attempts: int
) -> None:
    await add_function(platform, "f", "app.fail")
    await platform("lambda", "Invoke", FunctionName="f", Payload=b"{}")
    await platform(
        "lambda", "PutFunctionEventInvokeConfig", FunctionName="f", MaximumEventAgeInSeconds=age_s
    )
    await send(platform)
    await platform.clock.advance(10 * MINUTE_MS)
    assert len(recorder.events) == 1 + attempts


@pytest.mark.parametrize(
    ("given", "constraint"),
    [
        ({"MaximumEventAgeInSeconds": 59}, "greater than or equal to 60"),
        ({"MaximumEventAgeInSeconds": 21_601}, "less than or equal to 21600"),
        ({"MaximumRetryAttempts": 3}, "less than or equal to 2"),
    ],
)
async def test_bounds_of_age_and_retries(
    platform: MemoryPlatform, given: dict[str, int], constraint: str
) -> None:
    await add_function(platform, "f", "app.echo")
    told = await refused(platform, "PutFunctionEventInvokeConfig", FunctionName="f", **given)
    assert told[1] == 400 and told[2].endswith(f"Member must have value {constraint}")


async def test_the_trace_of_an_event_is_that_of_its_sender(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_function(platform, "f", "app.echo")
    context = replace(platform.context, trace="Root=1-2-3;Sampled=1")
    for kind in ("Event", "RequestResponse"):
        given = {"FunctionName": "f", "InvocationType": kind, "Payload": b"{}"}
        await platform.clock.run(platform.kernel.invoke(context, "lambda", "Invoke", given))
    await platform.clock.advance(1000)
    assert [each.trace for each in recorder.invocations] == ["Root=1-2-3;Sampled=1"] * 2
