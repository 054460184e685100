"""Output of functions on its way to the logs room."""

from __future__ import annotations

from typing import Any

from pileus.compute.log_shipping import LogShipper
from pileus.testing.compute import ScriptedCompute, add_function
from pileus.testing.fake_nodes import Answer, Program
from pileus.testing.platform import MemoryPlatform


async def _messages(platform: MemoryPlatform, group: str = "/aws/lambda/f") -> list[str]:
    found: list[str] = []
    token: dict[str, Any] = {}
    while True:
        page = await platform("logs", "FilterLogEvents", logGroupName=group, **token)
        found += [event["message"] for event in page["events"]]
        if "nextToken" not in page:
            return found
        token = {"nextToken": page["nextToken"]}


def _prints(compute: ScriptedCompute, *lines: str) -> None:
    compute.programs["app.print"] = Program(lambda *_: Answer(output=lines))


async def test_output_stands_between_start_and_report(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    _prints(compute, "hello", "", "  ", "bye")
    await add_function(platform, "f", "app.print")
    await platform("lambda", "Invoke", FunctionName="f")
    await platform.clock.advance(1000)
    kinds = [message.split()[0] for message in await _messages(platform)]
    assert kinds == ["START", "hello", "bye", "END", "REPORT"]
    streams = await platform("logs", "DescribeLogStreams", logGroupName="/aws/lambda/f")
    (stream,) = streams["logStreams"]
    assert stream["logStreamName"].startswith("2026/01/01/[$LATEST]")


async def test_much_output_is_shipped_in_pieces(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    lines = [f"{number} " + "x" * 1000 for number in range(12_000)]
    _prints(compute, *lines)
    await add_function(platform, "f", "app.print")
    await platform("lambda", "Invoke", FunctionName="f")
    await platform.clock.advance(1000)
    assert (await _messages(platform))[1:-2] == lines
    assert platform.kernel.part(LogShipper).dropped == 0


async def test_line_too_long_for_an_event_is_cut(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    _prints(compute, "é" * 1_000_000)
    await add_function(platform, "f", "app.print")
    await platform("lambda", "Invoke", FunctionName="f")
    await platform.clock.advance(1000)
    line = (await _messages(platform))[1]
    assert set(line) == {"é"} and 1_000_000 < len(line.encode()) <= 1_048_576


async def test_deleted_group_is_made_again(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    _prints(compute, "one")
    await add_function(platform, "f", "app.print")
    await platform("lambda", "Invoke", FunctionName="f")
    await platform.clock.advance(1000)
    await platform("logs", "DeleteLogGroup", logGroupName="/aws/lambda/f")
    await platform("lambda", "Invoke", FunctionName="f")
    await platform.clock.advance(1000)
    assert "one" in await _messages(platform)
    assert platform.kernel.part(LogShipper).dropped == 0


async def test_group_of_ones_own_choice(platform: MemoryPlatform, compute: ScriptedCompute) -> None:
    _prints(compute, "one")
    await add_function(platform, "f", "app.print", LoggingConfig={"LogGroup": "mine"})
    await platform("lambda", "Invoke", FunctionName="f")
    await platform.clock.advance(1000)
    assert "one" in await _messages(platform, "mine")


async def test_output_without_end_costs_the_stream_that_has_it(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    _prints(compute, *["x"] * 30_000)
    compute.programs["app.speak"] = Program(lambda *_: Answer(output=("heard",)))
    await add_function(platform, "f", "app.print")
    await add_function(platform, "g", "app.speak")
    for name in "fg":
        await platform("lambda", "Invoke", FunctionName=name)
    await platform.clock.advance(1000)
    messages = await _messages(platform)
    assert {message.split()[0] for message in messages} == {"START", "x", "END", "REPORT", "PILEUS"}
    assert messages.count("x") == 19_999
    assert "PILEUS 10001 lines were dropped: they came faster than can be kept" in messages
    assert "heard" in await _messages(platform, "/aws/lambda/g")
    assert platform.kernel.part(LogShipper).dropped == 10_001
