"""Memory, processes and CPU shares by control groups, version 1 or 2, where this user may write them.

New groups are made below the platform's own group, never beside it, so that limits set from
outside go on holding for everything it starts.

CPU is shared on two levels. All instances are below one group of the platform's, which weighs as much
as one ordinary process on each core: so much they hold against the platform and everybody else on the machine,
however small they are, and no more, however many. Below it they weigh as much as their memory.
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
_INSTANCES = "instances"
_NEEDED = ("memory", "pids")
_CONTROLLERS = (*_NEEDED, "cpu")
_SHARES_OF_A_PROCESS, _WEIGHT_OF_A_PROCESS = 1024, 100
"""What a process of ordinary priority weighs, in version 1 and 2."""
_WEIGHT_MAX = 10_000
_MEMORY_MB_MAX = 10_240


class Bounds(msgspec.Struct, frozen=True):
    """Of one instance.

    Attributes:
        memory_bytes: ``/tmp`` included.
        processes: threads count as well.
        cpu_mb: the memory by which CPU is shared among instances.
    """

    memory_bytes: int
    processes: int
    cpu_mb: int


class Group(Protocol):
    """One instance's control groups."""

    def open_entrances(self) -> list[int]:
        """Descriptors of the files into which a process of one thread writes ``0`` to move in."""
        ...

    def limit(self, bounds: Bounds) -> None:
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
        """Where groups of tasks are made, the one that bounds memory first."""
        ...

    def create(self, name: str) -> Group:
        """A new group without limits. Names begin with :func:`group_name`'s prefix."""
        ...

    def close(self) -> None:
        """Take away what all instances had together, unless there are some left."""
        ...


def group_name(suffix: str) -> str:
    """A name by which a later platform can tell whose the group was."""
    return f"{_PREFIX}{os.getpid()}-{suffix}"


class _GroupV1(msgspec.Struct):
    memory_dir: Path
    pids_dir: Path
    cpu_dir: Path | None

    @property
    def _folders(self) -> list[Path]:
        folders = (self.memory_dir, self.pids_dir, self.cpu_dir)
        return [folder for folder in folders if folder is not None]

    def open_entrances(self) -> list[int]:
        # ``cgroup.procs`` moves whole processes and so keeps every fork of the machine waiting for
        # an RCU grace period, 5 to 20 ms; what comes in here has one thread, and ``tasks`` moves
        # that at once. What it forks later is inside from its first moment.
        return [_open_entrance(folder / "tasks") for folder in self._folders]

    def limit(self, bounds: Bounds) -> None:
        (self.memory_dir / "memory.limit_in_bytes").write_text(str(bounds.memory_bytes))
        (self.pids_dir / "pids.max").write_text(str(bounds.processes))
        if self.cpu_dir is not None:
            (self.cpu_dir / "cpu.shares").write_text(str(bounds.cpu_mb))

    def used_bytes(self) -> int:
        return int((self.memory_dir / "memory.usage_in_bytes").read_bytes())

    def anonymous_bytes(self) -> int:
        return _field(self.memory_dir / "memory.stat", "rss")

    def oom_kills(self) -> int:
        return _field(self.memory_dir / "memory.oom_control", "oom_kill")

    def end(self) -> None:
        _end(self.pids_dir)

    def remove(self) -> bool:
        return _remove_dirs(self._folders)


class _GroupV2(msgspec.Struct):
    folder: Path

    def open_entrances(self) -> list[int]:
        # Version 2 has no entrance for a single thread of an ordinary group.
        return [_open_entrance(self.folder / "cgroup.procs")]

    def limit(self, bounds: Bounds) -> None:
        (self.folder / "memory.max").write_text(str(bounds.memory_bytes))
        (self.folder / "pids.max").write_text(str(bounds.processes))
        (self.folder / "memory.oom.group").write_text("1")
        weight = self.folder / "cpu.weight"
        if weight.exists():
            share = bounds.cpu_mb * _WEIGHT_MAX // _MEMORY_MB_MAX
            weight.write_text(str(min(max(1, share), _WEIGHT_MAX)))

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


class CgroupsV1(msgspec.Struct):
    """See ``Cgroups``.

    Attributes:
        memory_dir, pids_dir, cpu_dir: the platform's own group in each hierarchy; ``cpu_dir`` None where
            that cannot be written: then CPU is shared as among any processes.
        cores: of the machine.
    """

    memory_dir: Path
    pids_dir: Path
    cpu_dir: Path | None
    cores: int
    version: int = 1

    @property
    def folders(self) -> tuple[Path, ...]:
        """See ``Cgroups``."""
        return (self.memory_dir, self.pids_dir, *((self.cpu_dir,) if self.cpu_dir else ()))

    def create(self, name: str) -> Group:
        """See ``Cgroups``."""
        folders = (self.memory_dir / name, self.pids_dir / name)
        for folder in folders:
            folder.mkdir(exist_ok=True)
        return _GroupV1(*folders, self._create_cpu(name))

    def close(self) -> None:
        """See ``Cgroups``."""
        if self.cpu_dir is not None:
            _remove_dirs((self.cpu_dir / group_name(_INSTANCES),))

    def _create_cpu(self, name: str) -> Path | None:
        if self.cpu_dir is None:
            return None
        parent = self.cpu_dir / group_name(_INSTANCES)
        folder = parent / name
        try:
            folder.mkdir(exist_ok=True)
        except FileNotFoundError:
            parent.mkdir()
            (parent / "cpu.shares").write_text(str(self.cores * _SHARES_OF_A_PROCESS))
            folder.mkdir()
        return folder


class CgroupsV2(msgspec.Struct):
    """See ``Cgroups``.

    Attributes:
        folder: the platform's own group, whose controllers are delegated.
        cores: of the machine.
    """

    folder: Path
    cores: int
    version: int = 2

    @property
    def folders(self) -> tuple[Path, ...]:
        """See ``Cgroups``."""
        return (self.folder,)

    def create(self, name: str) -> Group:
        """See ``Cgroups``."""
        parent = self.folder / group_name(_INSTANCES)
        folder = parent / name
        try:
            folder.mkdir(exist_ok=True)
        except FileNotFoundError:
            parent.mkdir()
            given = (self.folder / "cgroup.subtree_control").read_text().split()
            wanted = [f"+{one}" for one in _CONTROLLERS if one in given]
            (parent / "cgroup.subtree_control").write_text(" ".join(wanted))
            weight = parent / "cpu.weight"
            if weight.exists():
                share = min(self.cores * _WEIGHT_OF_A_PROCESS, _WEIGHT_MAX)
                weight.write_text(str(share))
            folder.mkdir()
        return _GroupV2(folder)

    def close(self) -> None:
        """See ``Cgroups``."""
        _remove_dirs((self.folder / group_name(_INSTANCES),))


def find_cgroups() -> tuple[Cgroups | None, str]:
    """What can be used, else None and why not.

    On version 2 the platform may have to move itself into a leaf group first, which it does only
    when it is alone in its group (``systemd-run --user --scope -p Delegate=yes``).
    """
    own = _own_groups()
    try:
        if "memory" in own and "pids" in own:
            memory, pids = _ROOT / "memory", _ROOT / "pids"
            cpu = _ROOT / "cpu" / own["cpu"] if "cpu" in own else None
            if cpu is not None and not os.access(cpu, os.W_OK):
                cpu = None
            found = CgroupsV1(memory / own["memory"], pids / own["pids"], cpu, _cores())
            _try_out(found)
            return found, ""
        if "" in own and (_ROOT / "cgroup.controllers").exists():
            folder = _ROOT / own[""]
            _delegate_v2(folder)
            found_v2 = CgroupsV2(folder, _cores())
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


def _cores() -> int:
    return os.cpu_count() or 1


def _delegate_v2(folder: Path) -> None:
    control = folder / "cgroup.subtree_control"
    offered = (folder / "cgroup.controllers").read_text().split()
    wanted = {one for one in _CONTROLLERS if one in offered or one in _NEEDED}
    if wanted <= set(control.read_text().split()):
        return
    order = " ".join(f"+{one}" for one in sorted(wanted))
    try:
        control.write_text(order)
    except OSError:
        inside = (folder / "cgroup.procs").read_text().split()
        if inside != [str(os.getpid())]:
            raise
        leaf = folder / "pileus-platform"
        leaf.mkdir(exist_ok=True)
        (leaf / "cgroup.procs").write_text(str(os.getpid()))
        control.write_text(order)


def _try_out(found: Cgroups) -> None:
    _sweep(found.folders)
    group = found.create(group_name("try"))
    try:
        group.limit(Bounds(64 * _MIB, 16, 128))
        group.used_bytes()
        group.anonymous_bytes()
    finally:
        group.remove()
        found.close()


def _sweep(folders: Iterable[Path]) -> None:
    """Remove what platforms that were killed have left."""
    for folder in folders:
        for group in folder.glob(f"{_PREFIX}*"):
            owner = group.name[len(_PREFIX) :].split("-")[0]
            if owner.isdigit() and not Path("/proc", owner).exists():
                _remove_dirs((*group.glob(f"{_PREFIX}*"), group))


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
