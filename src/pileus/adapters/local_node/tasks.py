"""``TaskNodes`` with one member: this machine. One keeper process for each task holds it."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from pileus.adapters.local_node.capabilities import Tier
from pileus.adapters.local_node.gpus import LIBRARIES_DIR, VISIBLE, Gpus
from pileus.adapters.local_node.instance import Door
from pileus.adapters.local_node.interpreters import own_interpreter
from pileus.adapters.local_node.keepers import Keepers
from pileus.adapters.local_node.probing import Prober
from pileus.adapters.local_node.skeleton import Skeleton
from pileus.adapters.local_node.task_groups import TaskGroups
from pileus.adapters.local_node.task_handle import (
    CONTAINER_PREFIX,
    LocalTaskHandle,
    connect,
    read_gpus,
    write_gpus,
)
from pileus.ports.chance import Chance
from pileus.ports.clock import Clock
from pileus.ports.tasks import Capacity, ContainerSpec, TaskRefused, TaskSpec
from pileus.ports.tasks import Mount as MountSpec
from pileus.runtime import messages
from pileus.runtime.container_network import Network
from pileus.runtime.container_plan import ContainerPlan, Mount, TaskPlan
from pileus.runtime.removal import remove_tree

METADATA_ADDRESS = "169.254.170.2"
"""Where AWS's agents answer; SDKs know it by heart."""
_RECORD = "task.json"
_VOLUMES = "volumes"
_NEW = ".new"
_MARK_DIGITS = 8
_MIB = 1 << 20
_REMOVE_TRIES, _REMOVE_EVERY_S = 50, 0.02
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class LocalTaskSettings(msgspec.Struct, frozen=True):
    """How this machine runs tasks.

    Attributes:
        tasks_dir: a folder for each task lies below it; survives the platform.
        run_dir: scratch of the platform.
        boot_id: changes with every boot of the machine; tasks of another boot are lost.
        gateway_port: port at which containers reach the platform on 127.0.0.1; 0 for none.
        memory_mb: sum of the memory of all tasks; 0 for the machine's.
    """

    tasks_dir: Path
    run_dir: Path
    boot_id: str
    gateway_port: int = 0
    memory_mb: int = 0


class LocalTasks:
    """See ``pileus.ports.tasks.TaskNodes``.

    Args:
        prober: knows the tier that works here, the control groups and the filter.
        doors: take the listener of the gateway's port, and that of the metadata service, inside
            each task's network.
        gpus: of the machine; what its driver shows, unless given.
    """

    def __init__(
        self,
        settings: LocalTaskSettings,
        ports: tuple[Clock, Chance],
        prober: Prober,
        doors: tuple[Door, Door] | None = None,
        gpus: Gpus | None = None,
    ) -> None:
        self._settings = settings
        self._clock, self._chance = ports
        self._prober = prober
        self._open_doors = doors
        self._gpus = gpus or Gpus()
        for name, ids in _gpus_of_all(settings.tasks_dir).items():
            self._gpus.adopt(name, 0, ids)
        self._handles: dict[str, LocalTaskHandle] = {}
        self._skeleton: Skeleton | None = None
        network = Network(settings.gateway_port, METADATA_ADDRESS, os.getuid() == 0)
        self._keepers = Keepers(network)
        self._pause = threading.Event()
        place = str(settings.tasks_dir.absolute()).encode()
        self._mark = hashlib.sha256(place).hexdigest()[:_MARK_DIGITS]
        """Tells the groups of one data folder from those of another."""

    def capacity(self) -> Capacity:
        """See the port."""
        total = self._settings.memory_mb or _machine_memory_mb()
        taken = sum(handle.spec.memory_mb for handle in self._handles.values())
        return Capacity(total, max(0, total - taken), *self._gpus.capacity())

    async def found(self) -> tuple[str, ...]:
        """See the port."""
        try:
            names = os.listdir(self._settings.tasks_dir)
            return tuple(sorted(name for name in names if not name.endswith(_NEW)))
        except FileNotFoundError:
            return ()

    async def open(self, spec: TaskSpec) -> LocalTaskHandle:
        """See the port."""
        folder = self._settings.tasks_dir / spec.id
        groups = TaskGroups(self._prober.cgroups, f"{self._mark}-{spec.id}")
        handle = LocalTaskHandle(
            spec,
            folder,
            lambda task, container: self._plan(task, folder, groups, container),
            self._take_listeners,
            lambda: self._remove(spec.id, folder, groups),
        )
        if not await self._adopt(handle, folder, groups):
            await self._create(handle, folder, groups)
        self._handles[spec.id] = handle
        return handle

    async def close(self) -> None:
        """See the port."""
        for handle in self._handles.values():
            handle.let_go()
        self._handles.clear()
        await self._keepers.close()

    # -- making and finding -----------------------------------------------------------------

    async def _adopt(self, handle: LocalTaskHandle, folder: Path, groups: TaskGroups) -> bool:
        record = _record(folder)
        if record is None:
            return False
        if record["boot_id"] == self._settings.boot_id:
            try:
                await handle.greet(connect(folder))
                self._gpus.adopt(handle.id, handle.spec.gpus, _gpus_given(folder))
                return True
            except OSError:
                groups.kill()
        if not _has_containers(folder):
            self._remove(handle.id, folder, groups)
            return False  # nothing of it ever ran: it may begin anew
        handle.lose()
        return True

    async def _create(self, handle: LocalTaskHandle, folder: Path, groups: TaskGroups) -> None:
        spec, settings = handle.spec, self._settings
        capabilities = await self._prober.capabilities()
        if capabilities.tier is not Tier.A:
            why = "; ".join(capabilities.reasons)
            raise TaskRefused(
                f"containers need namespaces (sandbox tier A), and tier {capabilities.tier.value} "
                f"is what works here: {why}"
            )
        self._gpus.promise(spec.id, spec.gpus)
        plan = TaskPlan(
            folder=str(folder),
            gateway_port=settings.gateway_port if spec.has_doors else 0,
            metadata_address=METADATA_ADDRESS if spec.has_doors else "",
            seccomp_path=self._prober.filter_path(Tier.A),
            is_root=os.getuid() == 0,
            disk_mb=spec.disk_mb,
        )
        try:
            _make_folder(folder, {"boot_id": settings.boot_id, "name": spec.name})
            groups.create(spec.memory_mb, spec.processes_max)
            channel, listeners = await self._keepers.take()
            messages.send(channel, {"op": "open", "task": plan.plain()})
            handle.take_keeper(channel, listeners if spec.has_doors else ())
            for listener in () if spec.has_doors else listeners:
                listener.close()
        except (OSError, TaskRefused) as error:
            handle.let_go()
            self._remove(spec.id, folder, groups)
            raise TaskRefused(f"task {spec.id} cannot be made: {error}") from error

    def _remove(self, task_id: str, folder: Path, groups: TaskGroups) -> None:
        """On a thread: everything has ended, but for the last of it in the kernel."""
        self._handles.pop(task_id, None)
        self._gpus.release(task_id)
        groups.kill()
        tries = _REMOVE_TRIES
        while not groups.remove() and tries:
            self._pause.wait(_REMOVE_EVERY_S)
            tries -= 1
        remove_tree(folder)

    # -- containers -------------------------------------------------------------------------

    def _plan(
        self, task: TaskSpec, folder: Path, groups: TaskGroups, spec: ContainerSpec
    ) -> ContainerPlan:
        gpus = self._gpus.give(task.id, spec.name, spec.gpus)
        place = folder / f"{CONTAINER_PREFIX}{spec.name}"
        place.mkdir(exist_ok=True)
        if gpus:
            write_gpus(place, [gpu.id for gpu in gpus])
        mounts = self._files(place, spec)
        lowers, environment = list(spec.lowers), dict(spec.environment)
        if not lowers:
            skeleton = self._host()
            lowers = [str(skeleton.root_dir)]
            mounts += [Mount(path, path) for path in skeleton.shown]
            environment.setdefault("PATH", f"{sys.prefix}/bin:{_PATH}")
        mounts += [Mount(path, path) for path in spec.shown]
        mounts += [self._mount(folder, mount) for mount in spec.mounts]
        if gpus:
            mounts += self._gpus.mounts(gpus, with_libraries=bool(spec.lowers))
            environment[VISIBLE] = ",".join(gpu.id for gpu in gpus)
            if spec.lowers:
                environment.setdefault("LD_LIBRARY_PATH", LIBRARIES_DIR)
        try:
            groups.create_container(spec.name, spec.memory_mb)
        except OSError as error:
            raise TaskRefused(
                f"the control group of {spec.name} cannot be made: {error}"
            ) from error
        upper = Path(spec.upper_dir) if spec.upper_dir else place / "upper"
        return ContainerPlan(
            name=spec.name,
            folder=str(place),
            lowers=lowers,
            upper_dir=str(upper),
            work_dir=str(upper.with_name(f"{upper.name}.work")),
            command=list(spec.command),
            environment=environment,
            old_root=f".{self._chance.random_bytes(16).hex()}",
            working_dir=spec.working_dir,
            user=spec.user,
            hostname=spec.hostname,
            mounts=mounts,
            ulimits=[[limit.name, limit.soft, limit.hard] for limit in spec.ulimits],
            entrances=groups.entrances(spec.name),
            late_limits=groups.cpu_limits(task.cpu_units, spec.name, spec.cpu_shares),
            oom_files=groups.oom_files(spec.name),
            shared_memory_mb=spec.shared_memory_mb,
            is_root_read_only=spec.is_root_read_only,
            has_init=spec.has_init,
        )

    def _files(self, place: Path, spec: ContainerSpec) -> list[Mount]:
        """``/etc/hosts`` and its like, the container's own."""
        named = "".join(f"{address} {name}\n" for name, address in spec.hosts)
        files = {
            "hosts": f"127.0.0.1 localhost\n127.0.0.1 {spec.hostname}\n{named}",
            "hostname": f"{spec.hostname}\n",
            "resolv.conf": "",
        }
        for name, text in files.items():
            (place / name).write_text(text)
        return [Mount(f"/etc/{name}", str(place / name), is_writable=True) for name in files]

    def _mount(self, folder: Path, mount: MountSpec) -> Mount:
        source = mount.source
        if mount.volume:
            shared = folder / _VOLUMES / mount.volume
            shared.mkdir(parents=True, exist_ok=True)
            shared.chmod(0o777)
            source = str(shared)
        elif source and not Path(source).exists():
            raise TaskRefused(f"{source} is not there to be shown at {mount.target}")
        return Mount(mount.target, source, mount.is_writable, mount.size_mb, mount.options)

    def _host(self) -> Skeleton:
        """The tree that stands for this machine's own programs."""
        if self._skeleton is None:
            wanted = [own_interpreter().base_dir, sys.prefix]
            self._skeleton = Skeleton(self._settings.run_dir / "host", wanted)
            (self._skeleton.root_dir / "tmp").chmod(0o1777)
        return self._skeleton

    def _take_listeners(
        self, listeners: Sequence[socket.socket], name: str
    ) -> Sequence[Callable[[], None]]:
        if self._open_doors is None:
            for listener in listeners:
                listener.close()
            return ()
        for listener in listeners:
            listener.setblocking(False)
        doors = self._open_doors[-len(listeners) :] if listeners else ()
        return [door(one, name) for door, one in zip(doors, listeners, strict=True)]


def _record(folder: Path) -> dict[str, str] | None:
    try:
        record: dict[str, str] = json.loads((folder / _RECORD).read_text())
        return record
    except FileNotFoundError:
        return None


def _make_folder(folder: Path, record: dict[str, str]) -> None:
    """The task's folder and its record at once: neither is there without the other."""
    fresh = folder.with_name(f"{folder.name}{_NEW}")
    remove_tree(fresh)
    fresh.mkdir(parents=True, mode=0o700)
    (fresh / _RECORD).write_text(json.dumps(record))
    fresh.rename(folder)


def _has_containers(folder: Path) -> bool:
    return any(folder.glob(f"{CONTAINER_PREFIX}*"))


def _gpus_given(folder: Path) -> dict[str, tuple[str, ...]]:
    places = folder.glob(f"{CONTAINER_PREFIX}*")
    found = {place.name[len(CONTAINER_PREFIX) :]: read_gpus(place) for place in places}
    return {name: ids for name, ids in found.items() if ids}


def _gpus_of_all(tasks_dir: Path) -> dict[str, dict[str, tuple[str, ...]]]:
    """What tasks on the node have, before anybody takes hold of them."""
    given = {folder.name: _gpus_given(folder) for folder in tasks_dir.glob("*")}
    return {name: ids for name, ids in given.items() if ids}


def _machine_memory_mb() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MIB
