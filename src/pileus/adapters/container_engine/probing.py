"""Whether an engine is there and runs containers under the bounds that tasks have."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec

from pileus.adapters.container_engine.arguments import create_arguments
from pileus.adapters.container_engine.client import PODMAN, EngineClient, EngineUnusable
from pileus.adapters.container_engine.images import HostImage
from pileus.ports.tasks import ContainerSpec, Mount, TaskRefused, TaskSpec

_RUNTIMES = ("crun", "runc")
_INSTALL = {
    "podman": "apt-get install podman (or your system's package of that name)",
    "docker": "apt-get install docker.io (or https://docs.docker.com/engine/install/)",
}
_TRIAL_MB = 64


class EngineVersion(msgspec.Struct, frozen=True):
    """What an engine says of itself; ``cgroup_version`` is ``1`` or ``2``."""

    version: str
    cgroup_version: str
    runtime: str


async def ask_version(engine: str) -> EngineVersion:
    """Raises EngineUnusable where the engine is not installed, or does not answer."""
    program = shutil.which(engine)
    if program is None:
        raise EngineUnusable(f"{engine} is not installed: {_INSTALL[engine]}")
    told = await EngineClient(program, engine).run("info", "--format", "{{json .}}")
    try:
        known: dict[str, Any] = json.loads(told.output or "{}")
    except ValueError:
        known = {}
    if engine == PODMAN and "host" in known:
        host = known["host"]
        version = known.get("version", {}).get("Version", "?")
        return EngineVersion(version, host["cgroupVersion"][-1], host["ociRuntime"]["name"])
    if not told.status and known.get("ServerVersion"):
        group = str(known.get("CgroupVersion") or "")
        return EngineVersion(known["ServerVersion"], group, known.get("DefaultRuntime", ""))
    why = told.error or "; ".join(known.get("ServerErrors") or ()) or told.output
    raise EngineUnusable(f"{engine} does not answer: {why}")


async def find_engine(engine: str, run_dir: Path) -> EngineClient:
    """A client of an engine that has just run a container here; with another OCI runtime that is
    installed where podman's own choice does not fit this machine.

    Args:
        run_dir: scratch.

    Raises:
        EngineUnusable: it is not installed or runs none; the text says why, and what to do.
    """
    told = await ask_version(engine)
    program = shutil.which(engine) or engine
    others = [name for name in _RUNTIMES if engine == PODMAN and shutil.which(name)]
    reasons = []
    for runtime in ("", *(name for name in others if name != told.runtime)):
        client = EngineClient(program, engine, runtime, is_old_groups=told.cgroup_version == "1")
        reason = await _try(client, run_dir)
        if not reason:
            return client
        reasons.append(f"{runtime or told.runtime}: {reason}")
    raise EngineUnusable(f"{engine} {told.version} runs no containers here: {'; '.join(reasons)}")


async def _try(client: EngineClient, run_dir: Path) -> str:
    """Why the machine's own ``true`` cannot be run in a container; empty when it can."""
    task = TaskSpec("trial", "trial", memory_mb=_TRIAL_MB, cpu_units=1024)
    spec = ContainerSpec("trial", ("true",))
    try:
        image, shown = await HostImage(client, run_dir / "host").find()
        mounts = [Mount(path, path) for path in shown]
        arguments, _ = create_arguments(client, task, spec, image, mounts)
        made = await client.run("create", *arguments)
        if made.status:
            return made.error
        container = made.output.split()[-1]
        try:
            for step in ("start", "wait"):
                done = await client.run(step, container)
                if done.status:
                    return done.error
            return "" if done.output == "0" else f"true ended with {done.output}"
        finally:
            await client.run("rm", "--force", container)
    except TaskRefused as error:
        return str(error)
