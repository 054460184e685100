"""Every TaskNodes adapter against the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pileus.adapters.chance_system import SystemChance
from pileus.adapters.clock_system import SystemClock
from pileus.adapters.local_node import LocalNodes, LocalNodeSettings, Tier
from pileus.adapters.local_node.tasks import LocalTasks, LocalTaskSettings
from pileus.testing import VirtualClock
from pileus.testing.contracts.tasks import (
    COMMANDS,
    COMMANDS_OF_FAKE,
    CONTRACT,
    PROGRAMS,
    Bench,
)
from pileus.testing.fake_tasks import FakeTaskHost, FakeTaskNodes


async def _as_it_is(work):
    return await work


@pytest.fixture(params=["fake", "local"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    if request.param == "fake":
        clock = VirtualClock()
        host = FakeTaskHost(clock, PROGRAMS)
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
        return LocalTasks(settings, (system_clock, SystemChance()), nodes.prober)

    made = Bench(tasks(), dict(COMMANDS), _as_it_is, tasks)
    yield made
    for task_id in await made.nodes.found():
        await (await made.open(task_id)).close()
    await made.nodes.close()
    await nodes.close()


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
async def test_tasks(bench: Bench, check) -> None:
    await check(bench)
