"""Sources of records: whenever the power goes, nothing that was taken is lost, and engines say it once, in order."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from pileus.services.media.pushes import Place, Pushes
from pileus.testing.fake_fetching import FakeFetching
from pileus.values.body import BytesBody
from tests.fault.simulation import PowerCut, Simulation, crash_everywhere
from tests.services.media.conftest import CODE, Bench, Listener
from tests.services.media.test_records_pushed import lines, reading

HERE = Place("000000000000", "us-east-1", "lobby")
RECORDS = {"Kind": "records"}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Its platforms are the simulation's."""
    made = Bench(None, tmp_path / "code")  # type: ignore[arg-type]
    made.programs["look.look"] = reading()
    return made


async def _begin(simulation: Simulation, notes: dict[str, Any], **source: Any) -> None:
    given = {"Mode": "object", "Handler": "look.look", "Code": CODE, "Input": RECORDS}
    await simulation("media", "CreateEngine", Name="look", WhenBehind="never", **given)
    heard = {"Mode": "stream", "Handler": "hear.hear", "Code": CODE, "Input": RECORDS}
    await simulation("media", "CreateEngine", Name="hear", **heard)
    await simulation("media", "CreateSource", Name="lobby", **source)
    notes["source"] = True
    engines = ["look", "hear"]
    # With the oldest record: of what came while the pipeline was made nothing is left out.
    given = {"Source": "lobby", "Engines": engines, "From": "earliest"}
    await simulation("media", "CreatePipeline", Name="p", **given)
    notes["pipeline"] = True


async def _push(simulation: Simulation, *numbers: int, is_last: bool = False) -> None:
    """Acknowledged, or PowerCut."""
    pushes = simulation.platform.kernel.part(Pushes)

    async def work() -> Any:
        publishing = await pushes.publish(HERE, is_last=is_last)
        return await publishing.take(BytesBody(lines(*({"n": n} for n in numbers))))

    pushing = asyncio.ensure_future(work())
    try:
        for _ in range(100):
            await simulation.rest(10)
            if pushing.done():
                assert pushing.result()["Taken"] == len(numbers)
                return
        raise PowerCut
    finally:
        pushing.cancel()
        await asyncio.gather(pushing, return_exceptions=True)


async def _told(simulation: Simulation, operation: str, **given: Any) -> list[dict[str, Any]]:
    told = await simulation("media", operation, Source="lobby", MaxResults=1000, **given)
    found = told["Results" if operation == "ListResults" else "Records"]
    return [json.loads(each["Document"]) for each in found]


async def _check(simulation: Simulation, notes: dict[str, Any]) -> list[int]:
    """Engines have said everything that is kept, once, in order; the numbers that are kept."""
    await simulation.rest(20_000)
    kept = [each["record"]["n"] for each in await _told(simulation, "ListRecords")]
    if notes.get("pipeline"):
        looked = [
            int(found["label"].split()[1])
            for each in await _told(simulation, "ListResults", Engine="look")
            for series in each["series"]
            for found in series["objects"]
        ]
        assert looked == kept
        words = [
            word["word"]
            for each in await _told(simulation, "ListResults", Engine="hear")
            for series in each["series"]
            for word in series["words"]
        ]
        assert words == [str(number + 1) for number in range(len(kept))]
    return kept


async def test_pushed_at_every_commit(bench: Bench, seed: int) -> None:
    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        bench.programs["hear.hear"] = Listener(has_checkpoints=True).program
        await _begin(simulation, notes, Push=True, Records={})
        for first in range(0, 12, 3):
            notes["tried"] = first + 3
            await _push(simulation, *range(first, first + 3))
            notes["acknowledged"] = first + 3

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if not notes.get("source"):
            return
        kept = await _check(simulation, notes)
        assert kept == list(range(len(kept)))
        assert notes.get("acknowledged", 0) <= len(kept) <= notes.get("tried", 0)
        await _push(simulation, *range(len(kept), len(kept) + 3), is_last=True)
        assert await _check(simulation, notes) == list(range(len(kept) + 3))
        told = await simulation("media", "DescribeSource", Name="lobby")
        assert told["Source"]["State"] == "ENDED"

    assert await crash_everywhere(scenario, check, seed, prepare=bench.prepare) >= 8


async def test_pulled_at_every_commit(bench: Bench, seed: int) -> None:
    whole = lines(*({"n": n} for n in range(40)))

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        bench.server = FakeFetching()
        bench.programs["hear.hear"] = Listener(has_checkpoints=True).program
        for cut in (30, 150, 290):
            bench.server.answer(etag='"a"').say(whole[:cut]).cut()
        bench.server.answer(etag='"a"').say(whole).end()
        await _begin(simulation, notes, Url="http://h/x", Records={})
        await simulation.rest(20_000)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if notes.get("source"):
            bench.server.answers.clear()
            bench.server.answer(etag='"a"').say(whole).end()
            await simulation.rest(40_000)
            assert await _check(simulation, notes) == list(range(40))
            told = await simulation("media", "DescribeSource", Name="lobby")
            assert told["Source"]["State"] == "ENDED"

    # The platform that comes back asks the server that the scenario's did.
    def prepare(platform: Any) -> None:
        bench.prepare(platform)

    assert await crash_everywhere(scenario, check, seed, prepare=prepare) >= 8


async def test_of_a_stream_at_every_commit(bench: Bench, seed: int) -> None:
    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        bench.programs["hear.hear"] = Listener(has_checkpoints=True).program
        await simulation("kinesis", "CreateStream", StreamName="s", ShardCount=1)
        await simulation.rest(1000)
        start = {"StartingPosition": "TRIM_HORIZON"}
        await _begin(simulation, notes, Url="kinesis:s", Records=start)
        for n in range(6):
            data = json.dumps({"n": n}).encode()
            given = {"StreamName": "s", "PartitionKey": "k", "Data": data}
            notes["tried"] = n + 1
            await simulation("kinesis", "PutRecord", **given)
            notes["acknowledged"] = n + 1

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if notes.get("source"):
            await simulation.rest(40_000)
            kept = await _check(simulation, notes)
            assert kept == list(range(len(kept)))
            assert notes.get("acknowledged", 0) <= len(kept) <= notes.get("tried", 0)

    assert await crash_everywhere(scenario, check, seed, prepare=bench.prepare) >= 8
