"""An engine on a file: whenever the power goes, every piece is told once, in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fault.simulation import Simulation, crash_everywhere
from tests.services.media.conftest import CODE, FRAMES, Bench

_PIECES = 6
_WHOLE = [200 * number for number in range(_PIECES)]


async def _begin(simulation: Simulation, notes: dict[str, Any]) -> None:
    given = {"Mode": "object", "Handler": "look.look", "Code": CODE, "Input": FRAMES}
    await simulation("media", "CreateEngine", Name="look", WhenBehind="oldest", **given)
    notes["engine"] = True
    await simulation("media", "CreateSource", Name="lobby", Url="file:/v.mkv")
    await simulation("media", "CreatePipeline", Name="p", Source="lobby", Engines=["look"])
    notes["pipeline"] = True


async def _play(bench: Bench, simulation: Simulation, count: int = _PIECES) -> None:
    """The file from its beginning."""
    for number in range(1, count + 1):
        bench.intake.show(number)
        await simulation.rest(100)


async def _starts(simulation: Simulation) -> list[int]:
    told = await simulation("media", "ListResults", Source="lobby", Engine="look")
    return [json.loads(each["Document"])["chunk"]["start_ms"] for each in told["Results"]]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Its platforms are the simulation's."""
    return Bench(None, tmp_path / "code")  # type: ignore[arg-type]


async def test_at_every_commit(bench: Bench, seed: int) -> None:
    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        await _begin(simulation, notes)
        await simulation.rest(10)
        await _play(bench, simulation)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        await simulation.rest(1000)
        engines = (await simulation("media", "ListEngines"))["Engines"]
        assert [each["Name"] for each in engines] == ["look"] or not notes.get("engine")
        if notes.get("pipeline"):
            await _play(bench, simulation)
            assert await _starts(simulation) == _WHOLE

    assert await crash_everywhere(scenario, check, seed, prepare=bench.prepare) >= 5


@pytest.mark.parametrize("pieces", range(_PIECES))
async def test_between_pieces_again_and_again(bench: Bench, pieces: int) -> None:
    simulation = Simulation(1, prepare=bench.prepare)
    await simulation.start(None)
    await _begin(simulation, {})
    for count in range(pieces, _PIECES + 1):
        await simulation.rest(10)
        await _play(bench, simulation, count)
        bench.intake.show(count + 1)  # the engine is at it when the power goes
        await simulation.platform.clock.settle()
        await simulation.come_back()
    await simulation.rest(10)
    await _play(bench, simulation)
    assert (await _starts(simulation))[:_PIECES] == _WHOLE
    await simulation.platform.crash()
