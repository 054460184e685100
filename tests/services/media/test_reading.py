"""Results by offset, by time, from the end; waiting for more, and for the end of a source."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pileus.ports.intakes import State
from pileus.values.errors import ServiceError

from .conftest import Bench


async def _seen(bench: Bench, count: int, **source: Any) -> None:
    """An engine that has looked at so many pieces of 200 ms."""
    await bench.engine(WhenBehind="oldest")
    await bench.pipeline("look", **source)
    bench.intake.show(*range(1, count + 1))
    await bench.passing(100)


async def _starts(bench: Bench, **more: Any) -> list[int]:
    return [each["chunk"]["start_ms"] for each in await bench.results(**more)]


async def _read(bench: Bench, **more: Any) -> dict[str, Any]:
    told: dict[str, Any] = await bench("ListResults", Source="lobby", Engine="look", **more)
    return told


@pytest.mark.parametrize("url", ["rtsp://h/lobby", "file:/v.mkv"])
@pytest.mark.parametrize(
    ("asked", "starts"),
    [
        ({"FromMs": 400}, [400, 600, 800, 1000]),
        ({"FromMs": 401, "ToMs": 1000}, [600, 800]),
        ({"ToMs": 400}, [0, 200]),
        ({"FromMs": 5000}, []),
        ({"FromMs": 200, "MaxResults": 2}, [200, 400]),
        ({"FromMs": 200, "AfterOffset": 3}, [800, 1000]),
        ({"Last": 2}, [800, 1000]),
        ({"Last": 0}, []),
        ({"Last": 100, "ToMs": 200}, [0]),
    ],
)
async def test_by_time_and_from_the_end(
    bench: Bench, url: str, asked: dict[str, Any], starts: list[int]
) -> None:
    await _seen(bench, 6, Url=url)
    assert await _starts(bench, **asked) == starts


def _waiting(bench: Bench, **more: Any) -> asyncio.Future[Any]:
    """A reader that waits while the test lets time pass."""
    given = {"Source": "lobby", "Engine": "look", "WaitSeconds": 20, **more}
    platform = bench.platform
    asked = platform.kernel.invoke(platform.context, "media", "ListResults", given)
    return asyncio.ensure_future(asked)


async def test_a_reader_by_time_knows_when_it_has_all_of_a_live_source(bench: Bench) -> None:
    await _seen(bench, 4)
    told = await _read(bench, ToMs=400, WaitSeconds=20)
    assert (told["LastOffset"], told["Complete"]) == (1, True)
    told = await _read(bench, ToMs=5000)
    assert (told["LastOffset"], told.get("Complete")) == (3, None)


async def test_a_file_that_is_read_again_begins_again(bench: Bench) -> None:
    await _seen(bench, 3, Url="file:/v.mkv")
    bench.intake.end()
    await bench.passing(100)
    await bench("UpdateSource", Name="lobby", KeepBytes=1)
    await bench.passing(10)
    bench.intake.show(1, 2, 3)
    await bench.passing(100)
    assert await _starts(bench, FromMs=200) == [200, 400, 200, 400]


async def test_a_file_that_was_read_is_not_read_again_by_a_new_platform(bench: Bench) -> None:
    await _seen(bench, 3, Url="file:/v.mkv")
    bench.intake.tell(State(state="ended"))
    bench.intake.end()
    await bench.passing(100)
    await bench.restart()
    assert bench.intakes.started == []
    assert (await bench("DescribeSource", Name="lobby"))["Source"]["State"] == "ENDED"
    assert (await _read(bench))["Complete"]
    await bench("UpdateSource", Name="lobby", KeepBytes=1)
    await bench.passing(10)
    assert len(bench.intakes.started) == 1  # somebody asked for it


async def test_a_file_whose_end_was_read_and_not_looked_at_goes_on(bench: Bench) -> None:
    await _seen(bench, 3, Url="file:/v.mkv")
    bench.intake.tell(State(state="ended"))
    await bench.passing(100)
    await bench.restart()  # between what the source says of itself and its end
    bench.intake.show(1, 2, 3, 4)
    await bench.passing(100)
    assert await _starts(bench, FromMs=0) == [0, 200, 400, 600]


async def test_after_the_end_of_a_source_there_is_nothing_to_wait_for(bench: Bench) -> None:
    await _seen(bench, 2, Url="file:/v.mkv")
    told = await _read(bench)
    assert (told["LastOffset"], "Complete" in told) == (1, False)
    waiting = _waiting(bench, AfterOffset=1)
    await bench.passing(500)
    assert not waiting.done()
    bench.intake.tell(State(state="ended"))
    bench.intake.end()
    await bench.passing(500)
    assert waiting.done()
    assert waiting.result().output == {"Results": [], "LastOffset": 1, "Complete": True}
    assert "Complete" not in await _read(bench, MaxResults=1)


async def test_a_source_that_is_deleted_meanwhile_is_told(bench: Bench) -> None:
    await _seen(bench, 1)
    waiting = _waiting(bench, AfterOffset=0)
    await bench.passing(500)
    await bench("DeletePipeline", Name="p")
    await bench("DeleteSource", Name="lobby")
    await bench.passing(500)
    with pytest.raises(ServiceError, match="There is no source lobby"):
        await waiting


async def test_two_beginnings_are_one_too_many(bench: Bench) -> None:
    await _seen(bench, 1)
    with pytest.raises(ServiceError, match="give one of them"):
        await _read(bench, AfterOffset=0, Last=1)
