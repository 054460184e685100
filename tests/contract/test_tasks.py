"""Every TaskNodes adapter against the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.engines import working_engine
from tests.unit.adapters.local_node.claimed_gpus import claimed_gpus

from pileus.adapters.chance_system import SystemChance
from pileus.adapters.clock_system import SystemClock
from pileus.adapters.container_engine.client import ENGINES, EngineClient
from pileus.adapters.container_engine.tasks import EngineTasks, EngineTaskSettings
from pileus.adapters.local_node import LocalNodes, LocalNodeSettings, Tier
from pileus.adapters.local_node.gpus import Gpus
from pileus.adapters.local_node.tasks import LocalTasks, LocalTaskSettings
from pileus.testing import VirtualClock
from pileus.testing.contracts.tasks import (
    COMMANDS,
    COMMANDS_OF_FAKE,
    CONTRACT,
    GPU_CONTRACT,
    PROGRAMS,
    Bench,
)
from pileus.testing.fake_tasks import FakeTaskHost, FakeTaskNodes


async def _as_it_is(work):
    return await work


@pytest.fixture(params=["fake", "local"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    async with _bench(request.param, tmp_path, lambda: Gpus(), 0) as made:
        yield made


@pytest.fixture(params=["fake", "local"])
async def bench_with_gpus(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    async with _bench(request.param, tmp_path, lambda: claimed_gpus(tmp_path, 2), 2) as made:
        yield made


@asynccontextmanager
async def _bench(
    adapter: str, tmp_path: Path, gpus: Callable[[], Gpus], count: int
) -> AsyncIterator[Bench]:
    if adapter == "fake":
        clock = VirtualClock()
        host = FakeTaskHost(clock, PROGRAMS, gpus=count)
        made = Bench(FakeTaskNodes(host), COMMANDS_OF_FAKE, clock.run, lambda: FakeTaskNodes(host))
        yield made
        await made.nodes.close()
        return
    system_clock = SystemClock()
    nodes = LocalNodes(LocalNodeSettings(tmp_path / "run"), system_clock)
    if (await nodes.probe()).tier is not Tier.A:
        pytest.skip("containers need namespaces")

    def tasks() -> LocalTasks:
        settings = LocalTaskSettings(tmp_path / "tasks", tmp_path / "run", "boot")
        ports = (system_clock, SystemChance())
        return LocalTasks(settings, ports, nodes.prober, gpus=gpus())

    made = Bench(tasks(), dict(COMMANDS), _as_it_is, tasks)
    yield made
    for task_id in await made.nodes.found():
        await (await made.open(task_id)).close()
    await made.nodes.close()
    await nodes.close()


@pytest.fixture(params=ENGINES, scope="module")
def engine(request: pytest.FixtureRequest) -> Iterator[EngineClient]:
    with working_engine(request.param) as client:
        yield client


@pytest.fixture
async def bench_of_engine(engine: EngineClient, tmp_path: Path) -> AsyncIterator[Bench]:
    def tasks() -> EngineTasks:
        settings = EngineTaskSettings(tmp_path / "tasks", tmp_path / "run", "boot")
        return EngineTasks(settings, engine, SystemClock())

    made = Bench(tasks(), dict(COMMANDS), _as_it_is, tasks)
    yield made
    for task_id in await made.nodes.found():
        await (await made.open(task_id)).close()
    await made.nodes.close()


@pytest.mark.slow
@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
async def test_tasks_in_engines(bench_of_engine: Bench, check) -> None:
    await check(bench_of_engine)


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
async def test_tasks(bench: Bench, check) -> None:
    await check(bench)


@pytest.mark.parametrize("check", GPU_CONTRACT, ids=lambda check: check.__name__)
async def test_tasks_with_gpus(bench_with_gpus: Bench, check) -> None:
    await check(bench_with_gpus)
