"""How much a task keeps on disk: looked at now and then, since no quota of the kernel bounds it."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Sequence

from pileus.runtime.container_plan import ContainerPlan

VOLUMES = "volumes"
_GLANCE_S = 2.0
_LOOK_SHARE = 20
_BLOCK_BYTES = 512
_ENTRY_BYTES = 4096
"""Of a file at least: what is empty takes one of the disk's inodes."""
_DEPTH_MAX = 500
_ENDLESS = 1 << 62
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MIB = 1 << 20
_IN_MEMORY = ("/memfd:", "/dev/shm/", "/dev/zero", "/SYSV")


class DiskWatch:
    """Adds up what lies in the containers' folders, and what they keep open without a name.

    Adding up takes a while, so that it is done seldom; at a glance the disk's free space tells whether
    anybody may have written what the task had left.

    Args:
        folder: of the task.
        disk_mb: the bound.
    """

    def __init__(self, folder: str, disk_mb: int) -> None:
        self.glance_at_s = 0.0
        self._folder = folder
        self._bound_bytes = disk_mb * _MIB
        self._look_at_s = 0.0
        self._free_bytes = self._left_bytes = 0

    def is_over(self, now_s: float, plans: Sequence[ContainerPlan]) -> bool:
        """Whether the bound is passed, as far as it is time to know; ``plans`` of what runs."""
        if now_s < self.glance_at_s:
            return False
        self.glance_at_s = now_s + _GLANCE_S
        if not plans:
            return False
        free_bytes = _free_bytes(self._folder)
        is_suspicious = self._free_bytes - free_bytes > self._left_bytes
        if now_s < self._look_at_s and not is_suspicious:
            return False
        self._free_bytes = free_bytes
        used = self._used_bytes(plans)
        self._left_bytes = max(0, self._bound_bytes - used)
        took_s = time.monotonic() - now_s
        self._look_at_s = now_s + max(_GLANCE_S, took_s * _LOOK_SHARE)
        return used > self._bound_bytes

    def _used_bytes(self, plans: Sequence[ContainerPlan]) -> int:
        used = 0
        for name in os.listdir(self._folder):
            if name == VOLUMES or os.path.isdir(f"{self._folder}/{name}/upper"):
                place = VOLUMES if name == VOLUMES else f"{name}/upper"
                used += tree_bytes(f"{self._folder}/{place}")
        return used + nameless_bytes(_processes(plans))


def tree_bytes(path: str) -> int:
    """What a folder takes on disk; more than any disk has, where it is nested too deeply to look."""
    try:
        folder = os.open(path, _OPEN)
    except OSError:
        return 0
    return _folder_bytes(folder, 0)


def _folder_bytes(folder: int, depth: int) -> int:
    """By descriptor, since paths have an end; closes it."""
    if depth > _DEPTH_MAX:
        os.close(folder)
        return _ENDLESS
    total, below = 0, []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                blocks = entry.stat(follow_symlinks=False).st_blocks
                total += max(_ENTRY_BYTES, blocks * _BLOCK_BYTES)
                if entry.is_dir(follow_symlinks=False):
                    below.append(entry.name)
        for name in below:
            total += _folder_bytes(os.open(name, _OPEN, dir_fd=folder), depth + 1)
    except FileNotFoundError:
        pass  # it changes while it is looked at
    finally:
        os.close(folder)
    return total


def nameless_bytes(pids: Sequence[str]) -> int:
    """What processes hold of files that were deleted: open, or in their memory."""
    found: dict[tuple[int, int], int] = {}
    for pid in pids:
        for path in (*_descriptors(pid), *_maps(pid)):
            try:
                status = os.stat(path)
                if not stat.S_ISREG(status.st_mode) or status.st_nlink:
                    continue
                if not os.readlink(path).startswith(_IN_MEMORY):
                    found[(status.st_dev, status.st_ino)] = status.st_blocks * _BLOCK_BYTES
            except OSError:
                continue  # closed meanwhile
    return sum(found.values())


def _descriptors(pid: str) -> list[str]:
    try:
        return [f"/proc/{pid}/fd/{name}" for name in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return []


def _maps(pid: str) -> Iterator[str]:
    try:
        with open(f"/proc/{pid}/maps") as file:
            for line in file:
                if line.endswith("(deleted)\n"):
                    first, _, last = line.split(" ", 1)[0].partition("-")
                    yield f"/proc/{pid}/map_files/{int(first, 16):x}-{int(last, 16):x}"
    except OSError:
        return


def _processes(plans: Sequence[ContainerPlan]) -> list[str]:
    """Processes of containers that have control groups."""
    found = []
    for plan in plans:
        for entrance in plan.entrances[:1]:
            try:
                with open(f"{os.path.dirname(entrance)}/cgroup.procs") as file:
                    found += file.read().split()
            except OSError:
                continue
    return found


def _free_bytes(folder: str) -> int:
    now = os.statvfs(folder)
    return now.f_bavail * now.f_frsize
