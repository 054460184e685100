"""Control groups of tasks: memory, processes and CPU, for the task and for each container in it.

Unlike those of instances they outlive the platform, so that their names tell no owner and only the
task's own end removes them.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from pileus.adapters.local_node.cgroups import Cgroups

_MIB = 1 << 20
_PERIOD_US = 100_000
_UNITS = 1024
_SHARES_MIN, _SHARES_MAX = 2, 262_144
_WEIGHT_MAX = 10_000


class TaskGroups:
    """The groups of one task.

    Args:
        cgroups: where groups can be made, or None: then nothing is bounded here.
        name: unique among all groups of the machine.
    """

    def __init__(self, cgroups: Cgroups | None, name: str) -> None:
        self.version = cgroups.version if cgroups else 0
        places = cgroups.folders if cgroups else ()
        self._folders = [folder / f"pileus-task-{name}" for folder in places]

    def create(self, memory_mb: int, processes_max: int) -> None:
        """Make the task's group and bound it, but for its CPU. Raises OSError."""
        for folder in self._folders:
            folder.mkdir(exist_ok=True)
        if self.version == 2:
            wanted = "+memory +pids" + (" +cpu" if _has_cpu_v2(self._folders[0]) else "")
            (self._folders[0] / "cgroup.subtree_control").write_text(wanted)
        for folder in self._folders:
            _bound_memory(folder, memory_mb)
            _write(folder / "pids.max", str(processes_max))

    def create_container(self, name: str, memory_mb: int) -> None:
        """Make a container's group inside and bound it, but for its CPU. Raises OSError."""
        for folder in self._folders:
            group = folder / name
            group.mkdir(exist_ok=True)
            _bound_memory(group, memory_mb)
            _write(group / "memory.oom.group", "1")

    def cpu_limits(self, cpu_units: int, name: str, cpu_shares: int) -> list[list[str]]:
        """``[file, text]`` that bound CPU once programs run: the task's, none for 0 units, and the
        weight of its container ``name``."""
        quota_us = max(1000, cpu_units * _PERIOD_US // _UNITS)
        shares = min(max(cpu_shares, _SHARES_MIN), _SHARES_MAX)
        weight = 1 + (shares - _SHARES_MIN) * (_WEIGHT_MAX - 1) // (_SHARES_MAX - _SHARES_MIN)
        texts = {f"{name}/cpu.shares": str(shares), f"{name}/cpu.weight": str(weight)}
        if cpu_units:
            texts |= {"cpu.cfs_quota_us": str(quota_us), "cpu.max": f"{quota_us} {_PERIOD_US}"}
        return [
            [str(folder / path), text]
            for folder in self._folders
            for path, text in texts.items()
            if (folder / path).exists()
        ]

    def entrances(self, name: str) -> list[str]:
        """Files into which a process of one thread writes ``0`` to be in the container's group."""
        entrance = "cgroup.procs" if self.version == 2 else "tasks"
        return [str(folder / name / entrance) for folder in self._folders]

    def oom_files(self, name: str) -> list[list[str]]:
        """``[file, field]`` that count the container's out-of-memory kills."""
        file = "memory.events" if self.version == 2 else "memory.oom_control"
        return [[str(folder / name / file), "oom_kill"] for folder in self._folders[:1]]

    def kill(self) -> None:
        """End every process in the groups: for what no keeper holds any more."""
        for folder in self._folders[:1]:
            for group in (folder, *_children(folder)):
                for pid in _read(group / "cgroup.procs").split():
                    try:
                        os.kill(int(pid), signal.SIGKILL)
                    except ProcessLookupError:
                        continue

    def remove(self) -> bool:
        """Take the groups away; False while processes are left."""
        is_gone = True
        for folder in self._folders:
            for group in (*_children(folder), folder):
                try:
                    group.rmdir()
                except FileNotFoundError:
                    continue
                except OSError:
                    is_gone = False
        return is_gone


def _has_cpu_v2(folder: Path) -> bool:
    return "cpu" in _read(folder / "cgroup.controllers").split()


def _bound_memory(folder: Path, memory_mb: int) -> None:
    if memory_mb:
        _write(folder / "memory.limit_in_bytes", str(memory_mb * _MIB))
        _write(folder / "memory.memsw.limit_in_bytes", str(memory_mb * _MIB))
        _write(folder / "memory.max", str(memory_mb * _MIB))
        _write(folder / "memory.swap.max", "0")


def _write(path: Path, text: str) -> None:
    """Set what this kind of group has; other kinds lack the file."""
    if path.exists():
        path.write_text(text)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _children(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_dir()]
    except FileNotFoundError:
        return []
