"""A stream engine, and an engine on its words: whenever the power goes, every piece is counted once, in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fault.simulation import Simulation, crash_everywhere
from tests.services.media.conftest import CODE, FRAMES, Bench, Listener

_PIECES = 8
_ENGINES = {
    "hear": {"Mode": "stream", "Handler": "hear.hear", "Input": FRAMES},
    "count": {
        "Mode": "stream",
        "Handler": "count.count",
        "Input": {"Kind": "results", "Results": "hear"},
    },
}


async def _begin(simulation: Simulation, notes: dict[str, Any]) -> None:
    for name, given in _ENGINES.items():
        await simulation("media", "CreateEngine", Name=name, Code=CODE, **given)
    await simulation("media", "CreateSource", Name="lobby", Url="file:/v.mkv")
    notes["source"] = True
    await simulation("media", "CreatePipeline", Name="p", Source="lobby", Engines=["hear", "count"])
    notes["pipeline"] = True


async def _play(bench: Bench, simulation: Simulation) -> None:
    """The file from its beginning."""
    for number in range(1, _PIECES + 1):
        bench.intake.show(number)
        await simulation.rest(100)


async def _records(simulation: Simulation, engine: str) -> list[Any]:
    told = await simulation("media", "ListResults", Source="lobby", Engine=engine)
    return [json.loads(each["Document"]) for each in told["Results"]]


async def _words(simulation: Simulation, engine: str) -> list[str]:
    found = await _records(simulation, engine)
    return [w["word"] for each in found for s in each["series"] for w in s["words"]]


async def _check_counted(simulation: Simulation) -> None:
    """Every record of the one engine was counted once by the other, in each life of the source."""
    heard, counted = await _records(simulation, "hear"), await _words(simulation, "count")
    first = [each for each in heard if each["stream"] == heard[0]["stream"]]
    assert counted[: len(first)] == [str(number) for number in range(1, len(first) + 1)]
    assert len(counted) == len(heard)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Its platforms are the simulation's; each life has instances of its own."""
    made = Bench(None, tmp_path / "code")  # type: ignore[arg-type]
    for name in _ENGINES:
        made.programs[f"{name}.{name}"] = Listener(has_checkpoints=True).program
    return made


async def test_at_every_commit(bench: Bench, seed: int) -> None:
    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        await _begin(simulation, notes)
        await simulation.rest(10)
        await _play(bench, simulation)
        bench.intake.end()
        await simulation.rest(100)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        await simulation.rest(1000)
        if not notes.get("pipeline"):
            return
        await _play(bench, simulation)
        await simulation.rest(3000)
        whole = [str(number) for number in range(1, _PIECES + 1)]
        heard = await _words(simulation, "hear")
        # The film is played again where it had come to its end before.
        assert heard[:_PIECES] == whole and heard[_PIECES:] in ([], whole)
        await _check_counted(simulation)

    assert await crash_everywhere(scenario, check, seed, prepare=bench.prepare) >= 5


@pytest.mark.parametrize("pieces", [1, 4, 7])
async def test_again_and_again_in_the_middle(bench: Bench, pieces: int) -> None:
    simulation = Simulation(1, prepare=bench.prepare)
    await simulation.start(None)
    await _begin(simulation, {})
    for count in range(pieces, _PIECES):
        await simulation.rest(10)
        for number in range(1, count + 1):
            bench.intake.show(number)
        await simulation.rest(50)
        bench.intake.show(count + 1)  # engines are at it when the power goes
        await simulation.platform.clock.settle()
        await simulation.come_back()
    await simulation.rest(10)
    await _play(bench, simulation)
    await simulation.rest(1000)
    whole = [str(number) for number in range(1, _PIECES + 1)]
    assert await _words(simulation, "hear") == whole
    await _check_counted(simulation)
    await simulation.platform.crash()
