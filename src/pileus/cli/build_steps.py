"""RUN steps of builds, in the same sandbox that tasks run in."""

from __future__ import annotations

import asyncio
import codecs
import os
from pathlib import Path

from pileus.adapters.chance_system import SystemChance
from pileus.adapters.clock_system import SystemClock
from pileus.adapters.local_node.nodes import LocalNodes, LocalNodeSettings
from pileus.adapters.local_node.tasks import LocalTasks, LocalTaskSettings
from pileus.cli.connection import builds_dir
from pileus.compute.images.building.model import RunRequest, Say
from pileus.compute.tasks import run_in
from pileus.deploy.image_building import Workshop
from pileus.kernel.settings import parse_aliases
from pileus.ports.tasks import ContainerSpec, TaskSpec
from pileus.values.errors import PileusError

_PROCESSES_MAX = 4096


def own_workshop(say: Say) -> Workshop:
    """This user's, with the aliases that PILEUS_IMAGE_ALIASES names."""
    cache = builds_dir()
    aliases = parse_aliases(os.environ.get("PILEUS_IMAGE_ALIASES", ""))
    return Workshop(cache, SandboxedSteps(cache / "sandbox"), say, aliases)


class StepNotRun(PileusError):
    """A RUN step could not be started; the text says why."""


class SandboxedSteps:
    """Runs steps as containers of this machine, one at a time, without a network.

    Args:
        folder: scratch; everything in it may be deleted between builds.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._chance = SystemChance()

    def __call__(self, request: RunRequest, say: Say) -> int:
        """See :class:`~pileus.compute.images.building.model.RunStep`."""
        return asyncio.run(self._run(request, say))

    async def _run(self, request: RunRequest, say: Say) -> int:
        settings = LocalTaskSettings(self._folder / "tasks", self._folder / "run", "build")
        machine = LocalNodes(LocalNodeSettings(settings.run_dir), SystemClock())
        nodes = LocalTasks(settings, (SystemClock(), self._chance), machine.prober)
        task_id = f"build-{self._chance.random_bytes(8).hex()}"
        task = TaskSpec(task_id, "build", processes_max=_PROCESSES_MAX, has_doors=False)
        container = ContainerSpec(
            "step",
            request.command,
            lowers=request.lowers,
            environment=request.environment,
            working_dir=request.working_dir,
            user=request.user,
            upper_dir=request.upper_dir,
        )
        lines = _Lines(say)
        try:
            ran = await run_in(nodes, task, container, lines.take)
        finally:
            await nodes.close()
            await machine.close()
        lines.end()
        if ran.exit_code is None:
            raise StepNotRun(ran.detail or "the step was ended from outside")
        return ran.exit_code


class _Lines:
    """Output as lines of text."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""

    def take(self, piece: bytes) -> None:
        *lines, self._held = (self._held + self._decoder.decode(piece)).split("\n")
        for line in lines:
            self._say(line)

    def end(self) -> None:
        if self._held:
            self._say(self._held)
