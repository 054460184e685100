"""A source that is pushed to: whenever the power goes, its key stays, and the next publisher is taken."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pileus.ports.intakes import State
from pileus.services.media.pushes import Place, Pushes
from pileus.values.errors import ServiceError
from tests.fault.simulation import Simulation, crash_everywhere
from tests.services.media.conftest import Bench

HERE = Place("000000000000", "us-east-1", "phone")
_REST = {"CONNECTING", "ENDED"}
"""The states in which nobody pushes."""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Its platforms are the simulation's."""
    return Bench(None, tmp_path / "code")  # type: ignore[arg-type]


async def _begin(simulation: Simulation, key: str = "") -> None:
    """A publisher comes."""
    publishing = await simulation.platform.kernel.part(Pushes).publish(HERE, key)
    beginning = asyncio.ensure_future(publishing.begin())
    try:
        await simulation.rest(10)
        assert beginning.done()
    finally:
        beginning.cancel()  # the power is gone: nobody answers it any more


async def _publish(bench: Bench, simulation: Simulation) -> None:
    """A publisher from its begin to its clean end."""
    await _begin(simulation)
    bench.intake.tell(State(state="live"))
    await simulation.rest(10)
    bench.intake.tell(State(state="ended"))
    bench.intake.end()
    await simulation.rest(10)


async def _source(simulation: Simulation) -> dict[str, Any]:
    told = await simulation("media", "DescribeSource", Name="phone")
    shown: dict[str, Any] = told["Source"]
    return shown


async def test_at_every_commit(bench: Bench, seed: int) -> None:
    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        made = await simulation("media", "CreateSource", Name="phone", Push=True)
        notes["key"] = made["Source"]["PushKey"]
        await _publish(bench, simulation)
        notes["published"] = True

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        await simulation.rest(1000)
        try:
            shown = await _source(simulation)
        except ServiceError:
            assert "key" not in notes
            return
        assert shown["State"] in _REST
        assert shown["PushKey"] == notes.get("key", shown["PushKey"])
        assert not bench.intakes.started  # nobody pushes, so nothing is read
        await _publish(bench, simulation)
        assert (await _source(simulation))["State"] == "ENDED"

    assert await crash_everywhere(scenario, check, seed, prepare=bench.prepare) >= 3


async def test_a_new_key_at_every_commit(bench: Bench, seed: int) -> None:
    """The new key is good once it was told, and the old one no more."""

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        made = await simulation("media", "CreateSource", Name="phone", Push=True)
        notes["old"] = made["Source"]["PushKey"]
        await _begin(simulation, notes["old"])
        told = await simulation("media", "RotatePushKey", Name="phone")
        notes["new"] = told["Source"]["PushKey"]

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "old" not in notes:
            return
        key = (await _source(simulation))["PushKey"]
        pushes = simulation.platform.kernel.part(Pushes)
        pushes.check_key(HERE, key)
        if "new" in notes:
            assert key == notes["new"]
        if key != notes["old"]:
            with pytest.raises(ServiceError, match="push key"):
                pushes.check_key(HERE, notes["old"])

    assert await crash_everywhere(scenario, check, seed, prepare=bench.prepare) >= 2
