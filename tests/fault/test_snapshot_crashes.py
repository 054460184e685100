"""A version that was published with SnapStart comes to have its snapshot, whenever the power goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pileus.ports.nodes import Invocation
from pileus.testing.compute import ScriptedCompute, add_function, add_role
from pileus.testing.fake_nodes import Answer, Program
from tests.fault.simulation import Simulation, crash_everywhere


def _answer(invocation: Invocation, number: int) -> Answer:
    return Answer(b'"done"')


async def test_published_versions_become_active(seed: int, tmp_path: Path) -> None:
    program = Program(_answer, init_s=3.0)
    compute = ScriptedCompute(tmp_path, {"app.work": program})

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        await add_role(simulation)
        snap_start = {"ApplyOn": "PublishedVersions"}
        await add_function(
            simulation, "f", "app.work", Runtime="python3.12", SnapStart=snap_start, Publish=True
        )
        notes["published"] = ["1"]
        await simulation("lambda", "UpdateFunctionConfiguration", FunctionName="f", Timeout=9)
        await simulation("lambda", "PublishVersion", FunctionName="f")
        notes["published"].append("2")
        await simulation.rest(10_000)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        await simulation.rest(30_000)
        for version in notes.get("published", ()):
            where = {"FunctionName": "f", "Qualifier": version}
            shown = await simulation("lambda", "GetFunctionConfiguration", **where)
            assert (shown["State"], shown["SnapStart"]["OptimizationStatus"]) == ("Active", "On")
            reply = await simulation("lambda", "Invoke", **where)
            assert "FunctionError" not in reply
        assert all(link.restore for link in compute.nodes.links), "an instance was no copy"

    assert await crash_everywhere(scenario, check, seed, prepare=compute) > 5
