"""Engines that get whole recorded segments: each once, in order, whenever they were recorded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.ports.intakes import Segment
from pileus.ports.nodes import Invocation
from pileus.testing.fake_nodes import Answer, Program
from pileus.values.errors import ServiceError

from .conftest import CODE, Bench

SEGMENTS = {"Kind": "segments"}


class Archivist:
    """An engine: says what it found in each file."""

    def __init__(self, bench: Bench, duration_s: float = 0.0) -> None:
        self.bench, self.duration_s = bench, duration_s
        self.most = 0
        self.fails = 0

    def handle(self, invocation: Invocation, count: int) -> Answer:
        event = json.loads(invocation.payload)
        self.most = max(self.most, len(self.bench.intakes.laid))
        if self.fails:
            self.fails -= 1
            told = {"errorType": "ValueError", "errorMessage": "not now"}
            return Answer(json.dumps(told).encode(), is_error=True)
        results = []
        for each in event["chunks"]:
            assert "record" not in each and not event["ring"]
            data = self.bench.intakes.laid[each["segment"]].decode()
            results.append({"number": each["number"], "result": [{"label": data}]})
        return Answer(json.dumps({"results": results}).encode(), duration_s=self.duration_s)


@pytest.fixture
def archivist(bench: Bench) -> Archivist:
    made = Archivist(bench)
    bench.programs["look.look"] = Program(made.handle)
    return made


async def labels(bench: Bench, engine: str = "look") -> list[str]:
    found = await bench.results(engine)
    return [each["series"][0]["objects"][0]["label"] for each in found if each["series"]]


def named(*numbers: int) -> list[str]:
    return [f"segment {number}" for number in numbers]


async def test_each_finished_segment_is_a_piece(bench: Bench, archivist: Archivist) -> None:
    await bench.engine(Input=SEGMENTS)
    await bench.pipeline("look")
    await bench.seconds(0, 9)
    await bench.passing(100)
    assert await labels(bench) == named(0, 1, 2, 3)
    chunks = [each["chunk"] for each in await bench.results()]
    assert [(each["start_ms"], each["stop_ms"]) for each in chunks] == [
        (number * 2000, number * 2000 + 1960) for number in range(4)
    ]
    assert bench.intake.inputs == {}  # nothing is decoded for it
    assert bench.intakes.laid == {} and archivist.most == 1


async def test_a_slow_engine_gets_every_one(bench: Bench, archivist: Archivist) -> None:
    archivist.duration_s = 5.0
    await bench.engine(Input=SEGMENTS, Batch={"Size": 2}, Scale={"Max": 1})
    await bench.pipeline("look")
    await bench.seconds(0, 60)
    lane = await bench.lane()
    assert lane["LagMs"] > 10_000 and lane["Drops"] == {}
    assert archivist.most <= 2
    await bench.passing(120_000)
    assert await labels(bench) == named(*range(29))


async def test_after_a_crash_each_is_there_once(bench: Bench, archivist: Archivist) -> None:
    archivist.duration_s = 3.0
    await bench.engine(Input=SEGMENTS)
    await bench.pipeline("look")
    await bench.seconds(0, 12)
    before = await labels(bench)
    assert 0 < len(before) < 5
    await bench.restart()
    archivist.bench = bench
    await bench.passing(60_000)
    assert await labels(bench) == named(*range(5))


async def test_an_engine_may_begin_with_what_is_kept(bench: Bench, archivist: Archivist) -> None:
    await bench.engine()
    await bench.engine("late", Input=SEGMENTS)
    await bench.engine("now", Input=SEGMENTS)
    await bench.pipeline("look")
    await bench.seconds(0, 9)
    more = {"Source": "lobby"}
    await bench("CreatePipeline", Name="q", Engines=["late"], From="earliest", **more)
    await bench("CreatePipeline", Name="r", Engines=["now"], **more)
    await bench.seconds(9, 13)
    await bench.passing(100)
    assert await labels(bench, "late") == named(*range(6))
    assert await labels(bench, "now") == named(4, 5)


async def test_at_the_end_of_a_source_all_of_it_was_looked_at(
    bench: Bench, archivist: Archivist
) -> None:
    archivist.duration_s = 4.0
    await bench.engine(Input=SEGMENTS)
    await bench.pipeline("look", Url="file:/v.mkv")
    await bench.seconds(0, 10)
    await bench.segment(4)
    bench.intake.end()
    await bench.passing(60_000)
    assert await labels(bench) == named(*range(5))
    assert bench.intake.is_closed


async def test_what_was_deleted_before_it_was_looked_at_is_counted(
    bench: Bench, archivist: Archivist
) -> None:
    archivist.duration_s = 20.0
    await bench.engine(Input=SEGMENTS)
    await bench.pipeline("look", KeepSeconds=10)
    await bench.seconds(0, 60)
    archivist.duration_s = 0.0
    await bench.passing(30_000)
    lane = await bench.lane()
    told = await labels(bench)
    left_out = lane["Drops"].get("expired", 0)
    assert left_out > 0 and lane["Dead"] == 0
    assert told == sorted(told, key=lambda each: int(each.split()[1]))
    assert len(told) + left_out + lane["MissedMs"] // 2000 >= 29


async def test_a_call_that_fails_is_tried_again(bench: Bench, archivist: Archivist) -> None:
    archivist.fails = 2
    await bench.engine(Input=SEGMENTS)
    await bench.pipeline("look")
    await bench.seconds(0, 7)
    await bench.passing(10_000)
    assert await labels(bench) == named(0, 1, 2)
    assert bench.intakes.laid == {}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"WhenBehind": "newest"}, "is never"),
        ({"Mode": "stream"}, "for object engines"),
        ({"Input": {"Kind": "segments", "Gate": "motion"}}, "Gate is for frames"),
        ({"Input": {"Kind": "segments", "Cut": "silence"}}, "Cut is for Kind audio"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    bench: Bench, more: dict[str, Any], words: str
) -> None:
    given = {"Mode": "object", "Handler": "look.look", "Code": CODE, "Input": SEGMENTS, **more}
    with pytest.raises(ServiceError, match=words):
        await bench("CreateEngine", Name="look", **given)


async def test_an_engine_of_segments_shows_as_one(bench: Bench) -> None:
    await bench.engine(Input=SEGMENTS)
    engine = (await bench("DescribeEngine", Name="look"))["Engine"]
    assert (engine["Input"], engine["WhenBehind"]) == (SEGMENTS, "never")


async def test_a_segment_that_was_cut_short_comes_whole(bench: Bench, archivist: Archivist) -> None:
    """A file is read again after a crash, and its last segment is recorded anew."""
    await bench.engine(Input=SEGMENTS)
    await bench.pipeline("look", Url="file:/v.mkv")
    await bench.seconds(0, 5)
    short = Segment(
        path="", stream=bench.intake.opened.stream, start_ms=4000, stop_ms=4960,
        captured_at_ms=bench.platform.clock.now_ms(), size_bytes=9, pictures=25,
    )  # fmt: skip
    bench.intakes.put(bench.intake.opened.spool, short, b"half of it")
    bench.keeps_spools = True
    await bench.restart()
    archivist.bench = bench
    await bench.passing(5000)
    assert await labels(bench) == named(0, 1)
    await bench.seconds(0, 9)
    await bench.passing(100)
    assert await labels(bench) == named(0, 1, 2, 3)
