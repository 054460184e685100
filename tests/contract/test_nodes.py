"""Every Nodes adapter against the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pileus.adapters.clock_system import SystemClock
from pileus.adapters.local_node import LocalNodes, LocalNodeSettings, Tier
from pileus.ports.nodes import InstanceSpec, NoCapacity
from pileus.testing import VirtualClock
from pileus.testing.contracts.nodes import (
    CONTRACT,
    MEMORY_MB,
    PROGRAMS,
    SOURCE,
    SOURCE_LEAVING,
    Bench,
)
from pileus.testing.fake_nodes import FakeNodes


async def _as_it_is(work):
    return await work


def _spec(code_dir: Path) -> InstanceSpec:
    return InstanceSpec("f", "python3.11", "", str(code_dir), memory_mb=256)


@pytest.fixture(params=["fake", "fake+copies", "local-A", "local-A+copies", "local-B", "local-C"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    name, _, snapshots = request.param.partition("+")
    if name == "fake":
        clock = VirtualClock()
        fake = FakeNodes(clock, PROGRAMS, MEMORY_MB)
        yield Bench(fake, clock, _spec(tmp_path), clock.run, snapshots)
        return
    code_dir = tmp_path / "code"
    code_dir.mkdir()
    (code_dir / "programs.py").write_text(SOURCE)
    (code_dir / "leaving.py").write_text(SOURCE_LEAVING)
    tier = Tier(name[-1])
    system_clock = SystemClock()
    nodes = LocalNodes(
        LocalNodeSettings(tmp_path / "run", memory_mb=MEMORY_MB, tier=tier), system_clock
    )
    try:
        await nodes.probe()
    except NoCapacity as refused:
        pytest.skip(str(refused))
    yield Bench(nodes, system_clock, _spec(code_dir), _as_it_is, snapshots)
    await nodes.close()


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
async def test_nodes(bench: Bench, check) -> None:
    await check(bench)
