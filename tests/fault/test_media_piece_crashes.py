"""Engines of segments and of sound cut at silences: whenever the power goes, every piece is told once, in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pileus.ports.intakes import Recording
from tests.fault.simulation import Simulation, crash_everywhere
from tests.services.media.conftest import CODE, Bench, looking, person
from tests.services.media.test_cut_sound import CUT, SAID, tell, tell_lull, tell_tile, tiles
from tests.services.media.test_segment_pieces import SEGMENTS

_RECORDED = 8


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Its platforms are the simulation's."""
    return Bench(None, tmp_path / "code")  # type: ignore[arg-type]


async def _begin(
    simulation: Simulation, notes: dict[str, Any], wanted: dict[str, Any], url: str
) -> None:
    given = {"Mode": "object", "Handler": "look.look", "Code": CODE, "Input": wanted}
    await simulation("media", "CreateEngine", Name="look", **given)
    await simulation("media", "CreateSource", Name="lobby", Url=url)
    await simulation("media", "CreatePipeline", Name="p", Source="lobby", Engines=["look"])
    notes["pipeline"] = True
    await simulation.rest(10)


async def _chunks(simulation: Simulation) -> list[tuple[int, int]]:
    told = await simulation("media", "ListResults", Source="lobby", Engine="look")
    chunks = [json.loads(each["Document"])["chunk"] for each in told["Results"]]
    return [(each["start_ms"], each["stop_ms"]) for each in chunks]


async def test_every_segment_once_at_every_commit(bench: Bench, seed: int) -> None:
    bench.programs["look.look"] = looking(person)

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        await _begin(simulation, notes, SEGMENTS, "rtsp://h/x")
        bench.platform = simulation.platform
        for number in range(4):
            await bench.segment(number)
            await simulation.rest(100)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        await simulation.rest(5000)
        if notes.get("pipeline"):
            kept = (await simulation("media", "ListSegments", Source="lobby"))["Segments"]
            wanted = [(each["StartMs"], each["StopMs"]) for each in kept]
            assert await _chunks(simulation) == wanted
            assert bench.intakes.laid == {}

    assert await crash_everywhere(scenario, check, seed, prepare=bench.prepare) >= 5


async def _play(bench: Bench, simulation: Simulation) -> None:
    """A file from its beginning to its end, which lies within a piece."""
    bench.platform = simulation.platform
    bench.intake.tell(Recording(start_ms=0))
    number = tell(bench, 0, 6000)
    for segment in range(_RECORDED):
        await simulation.rest(100)
        await bench.segment(segment)
    number = tell(bench, 7000, 14_000, number)
    tell_lull(bench, 14_000, 14_200)
    tell_tile(bench, 14_200, 15_960, number, is_piece=True)
    bench.intake.end()
    await simulation.rest(2000)


async def test_every_stretch_of_sound_once_at_every_commit(bench: Bench, seed: int) -> None:
    bench.plays(tiles)

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        await _begin(simulation, notes, CUT, "file:/v.mkv")
        await _play(bench, simulation)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        await simulation.rest(1000)
        if not notes.get("pipeline"):
            return
        source = (await simulation("media", "DescribeSource", Name="lobby"))["Source"]
        if source["State"] != "ENDED":
            await _play(bench, simulation)
            await simulation.rest(5000)
        assert await _chunks(simulation) == [*SAID[:4], (14_200, 15_960)]

    assert await crash_everywhere(scenario, check, seed, prepare=bench.prepare) >= 5
