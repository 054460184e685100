"""``TaskNodes`` whose containers run in podman or docker on this machine."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from pathlib import Path

import msgspec

from pileus.adapters.container_engine.arguments import create_arguments
from pileus.adapters.container_engine.client import EngineClient, EngineUnusable
from pileus.adapters.container_engine.images import HostImage
from pileus.adapters.container_engine.task_handle import CONTAINER_PREFIX, EngineTaskHandle
from pileus.ports.clock import Clock
from pileus.ports.tasks import (
    Capacity,
    ContainerSpec,
    Mount,
    TaskRefused,
    TaskSpec,
    gpu_refusal,
)

_RECORD = "task.json"
_VOLUMES = "volumes"
_MARK_DIGITS = 8
_MIB = 1 << 20
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class EngineTaskSettings(msgspec.Struct, frozen=True):
    """How an engine runs tasks.

    Attributes:
        tasks_dir: a folder for each task lies below it; survives the platform.
        run_dir: scratch of the platform.
        boot_id: changes with every boot of the machine; tasks of another boot are lost.
    """

    tasks_dir: Path
    run_dir: Path
    boot_id: str


class EngineTasks:
    """See ``pileus.ports.tasks.TaskNodes``. The engine keeps containers, their output and how they
    ended; the platform follows by its command line."""

    def __init__(self, settings: EngineTaskSettings, client: EngineClient, clock: Clock) -> None:
        self._settings = settings
        self._client = client
        self._clock = clock
        self._host = HostImage(client, settings.run_dir / "host")
        self._handles: dict[str, EngineTaskHandle] = {}
        place = str(settings.tasks_dir.absolute()).encode()
        self._mark = hashlib.sha256(place).hexdigest()[:_MARK_DIGITS]
        """Tells the containers of one data folder from those of another."""

    def capacity(self) -> Capacity:
        """See the port."""
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MIB
        taken = sum(handle.spec.memory_mb for handle in self._handles.values())
        return Capacity(total, max(0, total - taken), 0, 0)

    async def found(self) -> tuple[str, ...]:
        """See the port."""
        try:
            return tuple(sorted(os.listdir(self._settings.tasks_dir)))
        except FileNotFoundError:
            return ()

    async def open(self, spec: TaskSpec) -> EngineTaskHandle:
        """See the port."""
        if spec.gpus:
            raise TaskRefused(gpu_refusal(spec.gpus, 0, 0))
        folder = self._settings.tasks_dir / spec.id
        handle = EngineTaskHandle(
            spec,
            (self._client, self._clock),
            (folder, f"pileus-{self._mark}-{spec.id}-"),
            lambda task, container: self._arguments(folder, task, container),
            lambda: self._forget(spec.id),
        )
        boot_id = _boot_id(folder)
        try:
            if boot_id == self._settings.boot_id:
                await handle.adopt()
            elif boot_id and any(folder.glob(f"{CONTAINER_PREFIX}*")):
                handle.lose()
            else:
                self._make_folder(folder)
        except EngineUnusable as error:
            raise TaskRefused(str(error)) from error
        self._handles[spec.id] = handle
        return handle

    async def close(self) -> None:
        """See the port."""
        handles = list(self._handles.values())
        self._handles.clear()
        await asyncio.gather(*(handle.let_go() for handle in handles))

    def _forget(self, task_id: str) -> None:
        self._handles.pop(task_id, None)

    def _make_folder(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = folder / f"{_RECORD}.new"
        fresh.write_text(json.dumps({"boot_id": self._settings.boot_id}))
        os.replace(fresh, folder / _RECORD)

    async def _arguments(
        self, folder: Path, task: TaskSpec, spec: ContainerSpec
    ) -> tuple[list[str], dict[str, str]]:
        mounts = [Mount(path, path) for path in spec.shown]
        mounts += [_with_source(folder, mount) for mount in spec.mounts]
        image = spec.image
        if not image:
            if spec.lowers:
                raise TaskRefused(f"{self._client.engine} was not given the image of {spec.name}")
            image, shown = await self._host.find()
            mounts = [*(Mount(path, path) for path in shown), *mounts]
            path = {"PATH": f"{sys.prefix}/bin:{_PATH}"}
            spec = msgspec.structs.replace(spec, environment={**path, **spec.environment})
        for mount in mounts:
            if "," in mount.source + mount.target:
                raise TaskRefused(f"{self._client.engine} mounts no path with a comma: {mount}")
        return create_arguments(self._client, task, spec, image, mounts)


def _with_source(folder: Path, mount: Mount) -> Mount:
    if mount.volume:
        shared = folder / _VOLUMES / mount.volume
        shared.mkdir(parents=True, exist_ok=True)
        shared.chmod(0o777)
        return msgspec.structs.replace(mount, source=str(shared))
    if mount.source and not Path(mount.source).exists():
        raise TaskRefused(f"{mount.source} is not there to be shown at {mount.target}")
    return mount


def _boot_id(folder: Path) -> str:
    try:
        record: dict[str, str] = json.loads((folder / _RECORD).read_text())
        return record["boot_id"]
    except FileNotFoundError:
        return ""
