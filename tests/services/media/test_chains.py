"""Engines that get what other engines say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.ports.nodes import Invocation
from pileus.testing.fake_nodes import Answer, Program
from pileus.values.errors import ServiceError

from .conftest import Bench, Listener, looking, person

FRAMES = {"Kind": "frames", "Rate": 5.0, "Width": 320}
OF_LOOK = {"Kind": "results", "Results": "look"}


def naming(duration_s: float = 0.0) -> Program:
    """An object engine that says whom it was told of."""

    def handle(invocation: Invocation, count: int) -> Answer:
        event = json.loads(invocation.payload)
        told = []
        for each in event["chunks"]:
            (found,) = each["record"]["series"][0]["objects"]
            name = f"face of {found['label']}"
            told.append({"number": each["number"], "result": [{"label": name}]})
        return Answer(json.dumps({"results": told}).encode(), duration_s=duration_s)

    return Program(handle)


def labels(found: list[dict[str, Any]]) -> list[str]:
    return [one["label"] for each in found for s in each["series"] for one in s["objects"]]


async def test_a_stream_engine_gets_what_another_says(bench: Bench) -> None:
    listener = Listener(has_checkpoints=True)
    bench.programs["track.track"] = listener.program
    await bench.engine()
    await bench.engine("track", Mode="stream", Handler="track.track", Input=OF_LOOK)
    await bench.pipeline("look", "track", Url="file:/v.mkv")
    await bench.seconds(0, 4)
    bench.intake.end()
    await bench.passing(1000)
    assert listener.heard == [200 * number for number in range(20)]
    assert listener.ends == [False]
    assert (await bench.results("track"))[-1]["end"] == "clean"
    assert [each.kind for each in bench.intake.inputs.values()] == ["frames"]


async def test_after_a_crash_it_goes_on_with_its_state(bench: Bench) -> None:
    listener = Listener(has_checkpoints=True)
    bench.programs["track.track"] = listener.program
    await bench.engine(WhenBehind="never")
    await bench.engine("track", Mode="stream", Handler="track.track", Input=OF_LOOK)
    await bench.pipeline("look", "track", Url="file:/v.mkv")
    await bench.seconds(0, 2)
    listener.fails_at = dict.fromkeys(range(2000, 9000, 200), 9)
    await bench.seconds(2, 4)
    listener.fails_at = {}
    await bench.restart()
    bench.intake.show(*range(1, 31))
    await bench.passing(3000)
    assert await bench.words("track") == [str(number) for number in range(1, 31)]
    assert listener.begun[-1] == {"state": {"count": 10}}


async def test_pictures_come_with_what_was_said_of_them(bench: Bench) -> None:
    bench.programs["look.look"] = looking(person, duration_s=0.5)
    bench.programs["name.name"] = naming()
    await bench.engine()
    await bench.engine("name", Handler="name.name", Input={**FRAMES, "Results": "look"})
    await bench.pipeline("name", "look")
    for number in range(1, 31):
        bench.intake.show(number)
        await bench.passing(200)
    await bench.passing(3000)
    seen, named = await bench.results(), await bench.results("name")
    assert 5 < len(seen) < 30
    assert labels(named) == [f"face of {label}" for label in labels(seen)]
    assert [each["chunk"]["start_ms"] for each in named] == [
        each["chunk"]["start_ms"] for each in seen
    ]


async def test_a_chain_that_misses_nothing_outlives_a_crash(bench: Bench) -> None:
    bench.programs["name.name"] = naming(duration_s=0.4)
    never = {"WhenBehind": "never"}
    await bench.engine(**never)
    await bench.engine("name", Handler="name.name", Input={**FRAMES, "Results": "look"}, **never)
    await bench.pipeline("look", "name")
    await bench.seconds(0, 20)
    await bench.segment(9)
    await bench.restart()
    await bench.passing(60_000)
    assert await bench.starts("look") == [200 * number for number in range(100)]
    assert await bench.starts("name") == [200 * number for number in range(100)]
    assert labels(await bench.results("name"))[41:43] != []


CHAINS = [
    (["name"], "gets the results of look, which is not in the pipeline"),
    (["a", "b"], "The engine [ab] gets its own results."),
    (["look", "fast"], "an object engine with frames of the same Rate"),
]


@pytest.mark.parametrize(("engines", "words"), CHAINS)
async def test_chains_that_cannot_be(bench: Bench, engines: list[str], words: str) -> None:
    await bench.engine()
    await bench.engine("name", Input=OF_LOOK)
    await bench.engine("a", Input={"Kind": "results", "Results": "b"})
    await bench.engine("b", Input={"Kind": "results", "Results": "a"})
    await bench.engine("fast", Input={**FRAMES, "Rate": 10.0, "Results": "look"})
    await bench("CreateSource", Name="lobby", Url="rtsp://h/x")
    with pytest.raises(ServiceError, match=words):
        await bench("CreatePipeline", Name="p", Source="lobby", Engines=engines)


async def test_a_change_of_an_engine_may_not_break_a_chain(bench: Bench) -> None:
    await bench.engine()
    await bench.pipeline("look")
    with pytest.raises(ServiceError, match="which is not in the pipeline"):
        await bench("UpdateEngine", Name="look", Input={"Kind": "results", "Results": "ghost"})
    with pytest.raises(ServiceError, match=r"Input\.Results names an engine"):
        await bench("UpdateEngine", Name="look", Input={"Kind": "results"})
