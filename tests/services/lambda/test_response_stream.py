"""Answers that are sent while they are being made."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from pileus.compute.response_parts import ResponseParts
from pileus.testing.compute import add_function
from pileus.testing.platform import MemoryPlatform

from .conftest import FAILURE, refused


async def streamed(platform: MemoryPlatform, name: str, **more: Any) -> list[dict[str, Any]]:
    """The events of an answer; virtual time goes on meanwhile."""

    given = {"FunctionName": name, **more}
    output = await platform("lambda", "InvokeWithResponseStream", **given)
    assert (output["StatusCode"], output["ExecutedVersion"]) == (200, "$LATEST")

    async def collect() -> list[dict[str, Any]]:
        return [event async for event in output["EventStream"]]

    head = {"type": output.get("ResponseStreamContentType", "")}
    return [head, *await platform.clock.run(collect())]


async def test_parts_come_as_they_are_made(platform: MemoryPlatform) -> None:
    await add_function(platform, "f", "app.stream")
    events = await streamed(platform, "f", LogType="Tail")
    assert events[:3] == [
        {"type": "text/x"},
        {"PayloadChunk": {"Payload": b"one "}},
        {"PayloadChunk": {"Payload": b"two"}},
    ]
    log = base64.b64decode(events[3]["InvokeComplete"]["LogResult"]).decode()
    assert log.startswith("START RequestId: ") and "REPORT RequestId: " in log


async def test_a_function_that_does_not_stream_answers_in_one_piece(platform) -> None:
    await add_function(platform, "f", "app.echo")
    events = await streamed(platform, "f", Payload=b'{"a": 1}')
    assert events == [
        {"type": ""},
        {"PayloadChunk": {"Payload": b'{"a": 1}'}},
        {"InvokeComplete": {}},
    ]


@pytest.mark.parametrize(("handler", "parts"), [("app.fail", []), ("app.half", [b"one "])])
async def test_an_error_is_told_at_the_end(platform, handler: str, parts: list[bytes]) -> None:
    await add_function(platform, "f", handler)
    events = await streamed(platform, "f")
    assert [each["PayloadChunk"]["Payload"] for each in events[1:-1]] == parts
    complete = events[-1]["InvokeComplete"]
    assert complete["ErrorCode"] == "Unhandled"
    assert FAILURE["errorMessage"] in complete["ErrorDetails"]


async def test_what_keeps_it_from_running_is_an_error_of_the_call(platform) -> None:
    assert (await refused(platform, "InvokeWithResponseStream", FunctionName="f"))[1] == 404
    await add_function(platform, "f", "app.echo")
    given = {"FunctionName": "f", "ReservedConcurrentExecutions": 0}
    await platform("lambda", "PutFunctionConcurrency", **given)
    code, status, _ = await refused(platform, "InvokeWithResponseStream", FunctionName="f")
    assert (code, status) == ("TooManyRequestsException", 429)


async def test_the_brake_holds_a_fast_function() -> None:
    parts, holds = ResponseParts(), []
    block = bytes(600_000)
    for _ in range(2):
        parts.take("", block, holds.append)
    assert holds == [True]
    chunks = parts.chunks()
    await anext(chunks)
    assert holds == [True]
    await anext(chunks)
    assert holds == [True, False]
    waiting = asyncio.ensure_future(anext(chunks))
    await asyncio.sleep(0)
    parts.take("", b"more", holds.append)
    assert await waiting == b"more"
    parts.take("", block, holds.append)
    parts.take("", block, holds.append)
    await chunks.aclose()
    assert holds == [True, False, True, False], "who goes away holds nobody"
    parts.take("", block, holds.append)
    assert parts.size_bytes == 5 * len(block) + 4
