"""GPUs counted and given out, and what a container sees of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.adapters.local_node.claimed_gpus import claimed_gpus

from pileus.adapters.chance_system import SystemChance
from pileus.adapters.clock_system import SystemClock
from pileus.adapters.local_node import LocalNodes, LocalNodeSettings, Tier
from pileus.adapters.local_node.gpus import Gpus
from pileus.adapters.local_node.tasks import LocalTasks, LocalTaskSettings
from pileus.ports.tasks import ContainerSpec, ContainerStatus, TaskRefused, TaskSpec

_LOOK = "ls /dev | grep nvidia; echo $NVIDIA_VISIBLE_DEVICES; stat -c %a /dev/nvidia1"


def test_a_machine_without_any(tmp_path: Path) -> None:
    gpus = Gpus(tmp_path, tmp_path)
    assert gpus.capacity() == (0, 0)
    assert gpus.give("t", "c", 0) == []
    with pytest.raises(TaskRefused, match="no GPU on any node"):
        gpus.promise("t", 1)


def test_files_that_are_no_devices_are_no_gpus(tmp_path: Path) -> None:
    (tmp_path / "nvidia0").write_text("")
    assert Gpus(tmp_path, tmp_path).there() == []


def test_each_is_given_once(tmp_path: Path) -> None:
    gpus = claimed_gpus(tmp_path, 3)
    gpus.promise("one", 2)
    assert gpus.capacity() == (3, 1)
    assert [gpu.id for gpu in gpus.give("one", "c", 2)] == ["GPU-a0", "GPU-a1"]
    assert gpus.capacity() == (3, 1)
    assert [gpu.id for gpu in gpus.give("two", "c", 1)] == ["GPU-a2"]
    with pytest.raises(TaskRefused, match="1 GPUs asked, 0 of 3 left"):
        gpus.give("three", "c", 1)
    gpus.release("one")
    assert [gpu.id for gpu in gpus.give("three", "c", 1)] == ["GPU-a0"]


def test_those_of_an_earlier_platform_are_kept(tmp_path: Path) -> None:
    gpus = claimed_gpus(tmp_path, 2)
    gpus.adopt("one", 1, {"c": ("GPU-a0",)})
    assert gpus.capacity() == (2, 1)
    assert [gpu.id for gpu in gpus.give("two", "c", 1)] == ["GPU-a1"]


def test_without_a_driver_s_word_the_number_names_it(tmp_path: Path) -> None:
    claimed_gpus(tmp_path, 1)
    assert [gpu.id for gpu in Gpus(tmp_path / "dev", tmp_path / "nothing").there()] == ["0"]


@pytest.mark.sandbox
async def test_a_container_sees_its_own_and_no_other(tmp_path: Path) -> None:
    nodes = LocalNodes(LocalNodeSettings(tmp_path / "run"), SystemClock())
    if (await nodes.probe()).tier is not Tier.A:
        pytest.skip("containers need namespaces")
    gpus = claimed_gpus(tmp_path, 2)
    settings = LocalTaskSettings(tmp_path / "tasks", tmp_path / "run", "boot")
    tasks = LocalTasks(settings, (SystemClock(), SystemChance()), nodes.prober, gpus=gpus)
    gpus.give("another", "main", 1)
    handle = await tasks.open(TaskSpec("task-1", "task-1", gpus=1))
    program = f"{_LOOK}; echo x > /dev/nvidia1 && echo written; chmod 600 /dev/nvidiactl"
    await handle.start(ContainerSpec("main", ("sh", "-c", f"{program}; sleep 60"), gpus=1))
    await handle.start(ContainerSpec("beside", ("sh", "-c", "ls /dev | grep nvidia; sleep 60")))
    assert handle.containers()["main"].status is ContainerStatus.RUNNING, handle.containers()
    assert handle.gpus("main") == ("GPU-a1",) and handle.gpus("beside") == ()
    assert await handle.execute("main", ["sh", "-c", "test -c /dev/nvidia1"], 5) == 0
    assert await handle.execute("beside", ["sh", "-c", "test -e /dev/nvidia1"], 5) == 1
    handle.signal("main", 9)
    while not handle.containers()["main"].status.is_over:
        await SystemClock().sleep(0.01)
    text = b"".join(piece.data for piece in handle.read_output("main", 0)[0]).decode()
    assert text.split() == ["nvidia-uvm", "nvidia1", "nvidiactl", "GPU-a1", "666", "written"]
    assert (tmp_path / "dev" / "nvidiactl").stat().st_mode & 0o777 != 0o600
    await handle.close()
    await tasks.close()
    await nodes.close()
