"""Engines in images, and functions fed by results: whenever the power goes, nothing is lost or kept for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pileus.compute.images.parts import add_layer_store
from pileus.testing.compute import add_function, add_role
from pileus.testing.fake_nodes import Program
from pileus.testing.images import tar_of
from pileus.testing.platform import MemoryPlatform
from pileus.testing.registry import push_image
from pileus.values.errors import ServiceError
from tests.fault.simulation import Simulation, crash_everywhere
from tests.services.media.conftest import CODE, FRAMES, Bench, looking, person
from tests.services.media.function_bench import RESULTS, FunctionBench

HOST = "000000000000.dkr.ecr.us-east-1.amazonaws.com"
DAY_MS = 24 * 3600 * 1000


class _Images(Bench):
    def prepare(self, platform: MemoryPlatform) -> None:
        super().prepare(platform)
        layers = add_layer_store(platform.kernel, self.code_dir / "layers")
        platform.clock.watch(lambda: layers.is_working)


async def _gone(simulation: Simulation, service: str, operation: str, **given: Any) -> None:
    try:
        await simulation(service, operation, **given)
    except ServiceError as error:
        assert "NotFound" in error.code, error


async def test_engines_keep_their_image_and_let_it_go(seed: int, tmp_path: Path) -> None:
    programs: dict[str, Program] = {"": looking(person)}
    bench = _Images(None, tmp_path / "code", programs)  # type: ignore[arg-type]

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        for tag in ("1", "2"):
            await push_image(simulation, f"app:{tag}", [tar_of({"word": tag.encode()})], Cmd=["x"])
        image = {"Code": {"ImageUri": f"{HOST}/app:1"}}
        await simulation("media", "CreateEngine", Name="l", Mode="object", Input=FRAMES, **image)
        notes["engine"] = True
        image = {"Code": {"ImageUri": f"{HOST}/app:2"}}
        await simulation("media", "UpdateEngine", Name="l", **image)
        notes["changed"] = True
        await simulation.rest(1000)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        # What a crash left behind is found at the next start.
        await simulation.come_back()
        await _gone(simulation, "ecr", "DeleteRepository", repositoryName="app", force=True)
        await simulation.rest(2 * DAY_MS)
        kept = len(await simulation.disks.blobs.list("000000000000/images/"))
        found = (await simulation("media", "ListEngines"))["Engines"]
        assert kept == len(found)
        assert found or not notes.get("engine")
        if notes.get("changed"):
            assert found[0]["ImageUri"].endswith(":2")
        await _gone(simulation, "media", "DeleteEngine", Name="l")
        await simulation.rest(2 * DAY_MS)
        assert await simulation.disks.blobs.list("000000000000/images/") == []

    assert await crash_everywhere(scenario, check, seed, prepare=bench.prepare) > 10


async def test_no_result_is_kept_from_its_function(seed: int, tmp_path: Path) -> None:
    bench = FunctionBench(None, tmp_path / "code")
    pieces = 4

    async def play(simulation: Simulation) -> None:
        for number in range(1, pieces + 1):
            bench.intake.show(number)
            await simulation.rest(100)

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        bench.events.clear()
        await add_role(simulation)
        await add_function(simulation, "f", "app.f")
        given = {"Mode": "object", "Handler": "look.look", "Code": CODE, "Input": FRAMES}
        await simulation("media", "CreateEngine", Name="look", WhenBehind="oldest", **given)
        await simulation("media", "CreateSource", Name="lobby", Url="file:/v.mkv")
        await simulation("media", "CreatePipeline", Name="p", Source="lobby", Engines=["look"])
        await simulation(
            "lambda", "CreateEventSourceMapping", EventSourceArn=RESULTS, FunctionName="f",
            StartingPosition="TRIM_HORIZON", BatchSize=2,
        )  # fmt: skip
        notes["mapped"] = True
        await simulation.rest(10)
        await play(simulation)
        await simulation.rest(2000)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if not notes.get("mapped"):
            return
        await simulation.rest(1000)
        await play(simulation)
        await simulation.rest(10_000)
        seen = bench.seen()
        assert list(dict.fromkeys(seen)) == [200 * number for number in range(pieces)], seen
        assert len(seen) <= pieces + 2, f"repeated what was not under way: {seen}"

    assert await crash_everywhere(scenario, check, seed, prepare=bench.prepare) > 10
