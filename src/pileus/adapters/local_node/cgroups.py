"""Memory and process limits by control groups, version 1 or 2, where this user may write them.

New groups are made below the platform's own group, never beside it, so that limits set from
outside go on holding for everything it starts.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import msgspec

_ROOT = Path("/sys/fs/cgroup")
_MIB = 1 << 20
_PREFIX = "pileus-"


class Group(Protocol):
    """One instance's control groups."""

    def open_entrances(self) -> list[int]:
        """Descriptors of the files into which a process of one thread writes ``0`` to move in."""
        ...

    def limit(self, memory_bytes: int, processes: int) -> None:
        """Set the bounds."""
        ...

    def used_bytes(self) -> int:
        """Memory in use, files and ``/tmp`` included: one number, cheap to read."""
        ...

    def anonymous_bytes(self) -> int:
        """Memory in use without files and without ``/tmp``; the kernel adds it up for each reading."""
        ...

    def oom_kills(self) -> int:
        """Processes the kernel ended for want of memory."""
        ...

    def end(self) -> None:
        """Let nothing more begin in it and kill what is there, wherever it has hidden."""
        ...

    def remove(self) -> bool:
        """Take the groups away; False while processes are left."""
        ...


class Cgroups(Protocol):
    """Makes groups."""

    version: int

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where groups are made."""
        ...

    def create(self, name: str) -> Group:
        """A new group without limits. Names begin with :func:`group_name`'s prefix."""
        ...


def group_name(suffix: str) -> str:
    """A name by which a later platform can tell whose the group was."""
    return f"{_PREFIX}{os.getpid()}-{suffix}"


class _GroupV1(msgspec.Struct):
    memory_dir: Path
    pids_dir: Path

    def open_entrances(self) -> list[int]:
        # ``cgroup.procs`` moves whole processes and so keeps every fork of the machine waiting for
        # an RCU grace period, 5 to 20 ms; what comes in here has one thread, and ``tasks`` moves
        # that at once. What it forks later is inside from its first moment.
        return [_open_entrance(folder / "tasks") for folder in (self.memory_dir, self.pids_dir)]

    def limit(self, memory_bytes: int, processes: int) -> None:
        (self.memory_dir / "memory.limit_in_bytes").write_text(str(memory_bytes))
        (self.pids_dir / "pids.max").write_text(str(processes))

    def used_bytes(self) -> int:
        return int((self.memory_dir / "memory.usage_in_bytes").read_bytes())

    def anonymous_bytes(self) -> int:
        return _field(self.memory_dir / "memory.stat", "rss")

    def oom_kills(self) -> int:
        return _field(self.memory_dir / "memory.oom_control", "oom_kill")

    def end(self) -> None:
        _end(self.pids_dir)

    def remove(self) -> bool:
        return _remove_dirs((self.memory_dir, self.pids_dir))


class _GroupV2(msgspec.Struct):
    folder: Path

    def open_entrances(self) -> list[int]:
        # Version 2 has no entrance for a single thread of an ordinary group.
        return [_open_entrance(self.folder / "cgroup.procs")]

    def limit(self, memory_bytes: int, processes: int) -> None:
        (self.folder / "memory.max").write_text(str(memory_bytes))
        (self.folder / "pids.max").write_text(str(processes))
        (self.folder / "memory.oom.group").write_text("1")

    def used_bytes(self) -> int:
        return int((self.folder / "memory.current").read_bytes())

    def anonymous_bytes(self) -> int:
        return _field(self.folder / "memory.stat", "anon")

    def oom_kills(self) -> int:
        return _field(self.folder / "memory.events", "oom_kill")

    def end(self) -> None:
        _end(self.folder)

    def remove(self) -> bool:
        return _remove_dirs((self.folder,))


class _CgroupsV1(msgspec.Struct):
    memory_dir: Path
    pids_dir: Path
    version: int = 1

    @property
    def folders(self) -> tuple[Path, ...]:
        return (self.memory_dir, self.pids_dir)

    def create(self, name: str) -> Group:
        folders = (self.memory_dir / name, self.pids_dir / name)
        for folder in folders:
            folder.mkdir(exist_ok=True)
        return _GroupV1(*folders)


class _CgroupsV2(msgspec.Struct):
    folder: Path
    version: int = 2

    @property
    def folders(self) -> tuple[Path, ...]:
        return (self.folder,)

    def create(self, name: str) -> Group:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return _GroupV2(folder)


def find_cgroups() -> tuple[Cgroups | None, str]:
    """What can be used, else None and why not.

    On version 2 the platform may have to move itself into a leaf group first, which it does only
    when it is alone in its group (``systemd-run --user --scope -p Delegate=yes``).
    """
    own = _own_groups()
    try:
        if "memory" in own and "pids" in own:
            memory, pids = _ROOT / "memory", _ROOT / "pids"
            found = _CgroupsV1(memory / own["memory"], pids / own["pids"])
            _try_out(found)
            return found, ""
        if "" in own and (_ROOT / "cgroup.controllers").exists():
            folder = _ROOT / own[""]
            _delegate_v2(folder)
            found_v2 = _CgroupsV2(folder)
            _try_out(found_v2)
            return found_v2, ""
    except OSError as error:
        return None, f"control groups cannot be written: {error}"
    return None, "no memory and pids control groups are mounted"


def _own_groups() -> dict[str, str]:
    """Controller → own group's path without its slash; version 2 under the empty name."""
    groups = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            groups[name] = path.lstrip("/")
    return groups


def _delegate_v2(folder: Path) -> None:
    control = folder / "cgroup.subtree_control"
    if {"memory", "pids"} <= set(control.read_text().split()):
        return
    try:
        control.write_text("+memory +pids")
    except OSError:
        inside = (folder / "cgroup.procs").read_text().split()
        if inside != [str(os.getpid())]:
            raise
        leaf = folder / "pileus-platform"
        leaf.mkdir(exist_ok=True)
        (leaf / "cgroup.procs").write_text(str(os.getpid()))
        control.write_text("+memory +pids")


def _try_out(found: Cgroups) -> None:
    _sweep(found.folders)
    group = found.create(group_name("try"))
    try:
        group.limit(64 * _MIB, 16)
        group.used_bytes()
        group.anonymous_bytes()
    finally:
        group.remove()


def _sweep(folders: Iterable[Path]) -> None:
    """Remove what platforms that were killed have left."""
    for folder in folders:
        for group in folder.glob(f"{_PREFIX}*"):
            owner = group.name[len(_PREFIX) :].split("-")[0]
            if owner.isdigit() and not Path("/proc", owner).exists():
                _remove_dirs((group,))


def _end(folder: Path) -> None:
    (folder / "pids.max").write_text("0")
    for pid in (folder / "cgroup.procs").read_text().split():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            continue


def _open_entrance(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CLOEXEC)


def _field(path: Path, name: str) -> int:
    prefix = f"{name} "
    for line in path.read_text().splitlines():
        if line.startswith(prefix):
            return int(line[len(prefix) :])
    return 0


def _remove_dirs(folders: Iterable[Path]) -> bool:
    for folder in folders:
        try:
            folder.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return True
