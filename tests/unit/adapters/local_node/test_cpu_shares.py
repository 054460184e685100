"""CPU of functions: by their memory among each other, and fairly with everybody else on the machine."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.unit.adapters.local_node.house import House

from pileus.adapters.local_node.cgroups import (
    Bounds,
    CgroupsV1,
    CgroupsV2,
    find_cgroups,
    group_name,
)

_SOON_S, _BUSY_S = 0.4, 1.5
_BUSY = """
import os, time

def work(begin, end, core):
    os.sched_setaffinity(0, {core})
    time.sleep(max(0, begin - time.monotonic()))
    before = time.process_time()
    while time.monotonic() < end:
        sum(range(5000))
    return time.process_time() - before

def handler(event, context):
    return work(*event)
"""
_CORE = min(os.sched_getaffinity(0))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    cgroups = find_cgroups()[0]
    if cgroups is None or not any((each / "cpu.stat").exists() for each in cgroups.folders):
        pytest.skip("no group shares CPU here")
    made = House(tmp_path)
    yield made
    await made.pools.close()
    await made.nodes.close()
    assert not [one for each in cgroups.folders for one in each.glob(group_name("instances"))]


async def _busy_s(house: House, memories_mb: tuple[int, ...]) -> tuple[list[float], float]:
    """CPU seconds on one core of functions of so much memory, and of a process beside them."""
    plain = house.target(_BUSY)
    targets = [
        replace(
            plain, function=f"f{n}", spec=replace(plain.spec, name=f"f{n}", memory_mb=memory_mb)
        )
        for n, memory_mb in enumerate(memories_mb)
    ]
    await asyncio.gather(*(house.call(target, [0, 0, _CORE]) for target in targets))
    begin = time.monotonic() + _SOON_S
    event = [begin, begin + _BUSY_S, _CORE]
    program = f"{_BUSY}\nprint(work(*{event!r}))"
    beside = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=subprocess.PIPE, start_new_session=True
    )
    results = await asyncio.gather(*(house.call(target, event) for target in targets))
    told, _ = await beside.communicate()
    return [json.loads(result.payload) for result in results], float(told)


@pytest.mark.slow
@pytest.mark.sandbox
async def test_four_times_the_memory_gets_four_times_the_cpu(house: House) -> None:
    (small, large), _ = await _busy_s(house, (256, 1024))
    assert 2.5 < large / small < 6


@pytest.mark.slow
@pytest.mark.sandbox
async def test_a_small_function_holds_its_own_and_many_starve_nobody(house: House) -> None:
    (alone,), beside = await _busy_s(house, (128,))
    assert alone > beside / 2
    many, beside = await _busy_s(house, (128, 1024, 1024, 10_240))
    assert beside > sum(many) / 8


def _with_files(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text)


def test_version_1_shares_by_memory_below_a_weight_of_all_cores(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("memory", "pids", "cpu")]
    for folder in folders:
        folder.mkdir()
    cgroups = CgroupsV1(*folders, cores=4)
    cgroups.create("a").limit(Bounds(1 << 20, 16, 512))
    below = tmp_path / "cpu" / group_name("instances")
    assert (below / "cpu.shares").read_text() == "4096"
    assert (below / "a" / "cpu.shares").read_text() == "512"
    assert cgroups.folders == tuple(folders)


def test_version_1_without_cpu_bounds_the_rest(tmp_path: Path) -> None:
    for name in ("memory", "pids"):
        (tmp_path / name).mkdir()
    cgroups = CgroupsV1(tmp_path / "memory", tmp_path / "pids", None, cores=4)
    cgroups.create("a").limit(Bounds(1 << 20, 16, 512))
    assert (tmp_path / "memory/a/memory.limit_in_bytes").read_text() == str(1 << 20)
    cgroups.close()


@pytest.mark.parametrize(("memory_mb", "weight"), [(128, "125"), (1024, "1000"), (10_240, "10000")])
def test_version_2_shares_by_memory(tmp_path: Path, memory_mb: int, weight: str) -> None:
    _with_files(tmp_path, {"cgroup.subtree_control": "cpu memory pids"})
    cgroups = CgroupsV2(tmp_path, cores=4)
    group = cgroups.create("a")
    below = tmp_path / group_name("instances")
    assert (below / "cgroup.subtree_control").read_text() == "+memory +pids +cpu"
    _with_files(below / "a", {"cpu.weight": "100"})
    group.limit(Bounds(1 << 20, 16, memory_mb))
    assert (below / "a" / "cpu.weight").read_text() == weight
    assert (below / "a" / "memory.max").read_text() == str(1 << 20)


def test_version_2_without_cpu_bounds_the_rest(tmp_path: Path) -> None:
    _with_files(tmp_path, {"cgroup.subtree_control": "memory pids"})
    CgroupsV2(tmp_path, cores=4).create("a").limit(Bounds(1 << 20, 16, 512))
    below = tmp_path / group_name("instances")
    assert (below / "cgroup.subtree_control").read_text() == "+memory +pids"
    assert not (below / "a" / "cpu.weight").exists()
