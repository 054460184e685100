"""Looking at a source: pictures are made while somebody looks, and reach everybody who does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from pileus.media.preview import KEY_PICTURE, PICTURE, WATCH_BYTES_MAX, pack
from pileus.ports.intakes import Preview
from pileus.values.errors import ServiceError

from .conftest import Bench

Events = AsyncGenerator[dict[str, dict[str, bytes]]]


async def source(bench: Bench) -> None:
    await bench("CreateSource", Name="lobby", Url="rtsp://h/lobby")
    await bench.passing(10)


async def look(bench: Bench, form: str = "h264") -> Events:
    told = await bench("WatchSource", Source="lobby", Form=form)
    events: Events = told["Pictures"]
    return events


async def next_record(bench: Bench, events: Events) -> bytes:
    asked = asyncio.ensure_future(anext(events))
    await bench.passing(1)
    return (await asked)["Picture"]["Record"]


def forms(bench: Bench) -> set[str]:
    return {each.kind for each in bench.intake.inputs.values()}


def show(bench: Bench, pts_ms: int, *, kind: int = KEY_PICTURE, data: bytes = b"p") -> bytes:
    record = pack(kind, pts_ms, pts_ms, data)
    bench.intake.tell(Preview(input="preview-h264", records=record))
    return record


async def test_pictures_are_made_only_while_somebody_looks(bench: Bench) -> None:
    await source(bench)
    events = await look(bench)
    assert forms(bench) == set()
    waiting = asyncio.ensure_future(anext(events))
    await bench.passing(1)
    assert forms(bench) == {"h264"}
    record = show(bench, 0)
    await bench.passing(1)
    assert (await waiting)["Picture"]["Record"] == record
    await events.aclose()
    assert forms(bench) == set()


async def test_two_look_and_each_form_is_made_once(bench: Bench) -> None:
    await source(bench)
    lookers = [await look(bench, form) for form in ("h264", "h264", "jpeg")]
    waiting = [asyncio.ensure_future(anext(each)) for each in lookers]
    await bench.passing(1)
    assert sorted(each.kind for each in bench.intake.inputs.values()) == ["h264", "jpeg"]
    record = show(bench, 0)
    await bench.passing(1)
    assert [(await each)["Picture"]["Record"] for each in waiting[:2]] == [record, record]
    await lookers[0].aclose()
    assert forms(bench) == {"h264", "jpeg"}
    await lookers[1].aclose()
    assert forms(bench) == {"jpeg"}
    waiting[2].cancel()


async def test_a_new_process_is_asked_again(bench: Bench) -> None:
    await source(bench)
    events = await look(bench)
    waiting = asyncio.ensure_future(anext(events))
    await bench.passing(1)
    bench.intake.die()
    await bench.passing(2000)
    assert len(bench.intakes.started) == 2 and forms(bench) == {"h264"}
    record = show(bench, 7)
    await bench.passing(1)
    assert (await waiting)["Picture"]["Record"] == record


async def test_who_is_slow_goes_on_at_a_keyframe(bench: Bench) -> None:
    await source(bench)
    events = await look(bench)
    waiting = asyncio.ensure_future(anext(events))
    await bench.passing(1)
    first = show(bench, 0)
    large = b"x" * (WATCH_BYTES_MAX // 4)
    for number in range(1, 12):
        show(bench, number, kind=KEY_PICTURE if number == 1 else PICTURE, data=large)
    await bench.passing(10)
    later = show(bench, 20)
    assert (await waiting)["Picture"]["Record"] == first
    seen = [await next_record(bench, events) for _ in range(4)]
    assert seen[-1] == later and len(seen[0]) > len(large)


async def test_the_end_of_the_source_is_the_end_of_looking(bench: Bench) -> None:
    await source(bench)
    events = await look(bench)
    waiting = asyncio.ensure_future(anext(events, None))
    await bench.passing(1)
    await bench("DeleteSource", Name="lobby")
    await bench.passing(1)
    assert await waiting is None


async def test_there_must_be_such_a_source(bench: Bench) -> None:
    with pytest.raises(ServiceError, match="There is no source lobby"):
        await bench("WatchSource", Source="lobby")


async def test_a_form_that_is_none_is_refused(bench: Bench) -> None:
    given: dict[str, Any] = {"Source": "lobby", "Form": "webm"}
    with pytest.raises(ServiceError):
        await bench("WatchSource", **given)
