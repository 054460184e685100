"""CPU of containers: bounded once the program runs, not while its container is made."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.groups import groups

from pileus.adapters.chance_system import SystemChance
from pileus.adapters.clock_system import SystemClock
from pileus.adapters.local_node import LocalNodes, LocalNodeSettings, Tier
from pileus.adapters.local_node.tasks import LocalTasks, LocalTaskSettings
from pileus.ports.tasks import ContainerSpec, TaskSpec

_TEXTS = {
    "cpu.cfs_quota_us": "25000",
    "cpu.max": "25000 100000",
    "cpu.shares": "512",
    "cpu.weight": "20",
}


def _limits(task_id: str) -> dict[str, str]:
    """What holds for a task and its container now, of the files there are."""
    found = {}
    for path in groups(f"pileus-task-*{task_id}"):
        for name in ("cpu.cfs_quota_us", "cpu.max", "main/cpu.shares", "main/cpu.weight"):
            if (path / name).exists():
                found[Path(name).name] = (path / name).read_text().strip()
    return found


@pytest.mark.sandbox
async def test_weight_and_quota_hold_once_the_program_runs(tmp_path: Path) -> None:
    nodes = LocalNodes(LocalNodeSettings(tmp_path / "run"), SystemClock())
    if (await nodes.probe()).tier is not Tier.A:
        pytest.skip("containers need namespaces")
    chance = SystemChance()
    settings = LocalTaskSettings(tmp_path / "tasks", tmp_path / "run", "boot")
    tasks = LocalTasks(settings, (SystemClock(), chance), nodes.prober)
    task_id = f"weight-{chance.random_bytes(4).hex()}"
    handle = await tasks.open(TaskSpec(task_id, task_id, cpu_units=256))
    await handle.start(ContainerSpec("main", ("sleep", "60"), cpu_shares=512))
    limits = _limits(task_id)
    await handle.close()
    await tasks.close()
    await nodes.close()
    if not limits:
        pytest.skip("no group bounds CPU here")
    assert limits == {name: _TEXTS[name] for name in limits}
