"""One task whose containers are an engine's, as the platform holds it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pileus.adapters.container_engine.client import EngineClient, EngineUnusable
from pileus.adapters.container_engine.containers import CREATED, EngineContainer, noted
from pileus.ports.clock import Clock
from pileus.ports.nodes import Exit, ExitReason
from pileus.ports.tasks import (
    ContainerSpec,
    ContainerState,
    ContainerStatus,
    OutputPiece,
    TaskRefused,
    TaskSpec,
)
from pileus.runtime.removal import remove_tree

_log = logging.getLogger("pileus.tasks")
CONTAINER_PREFIX = "c-"
TASK_LABEL = "pileus.task"
_READ_BYTES = 1 << 20
_AGAIN_S = 1.0
ArgumentsOf = Callable[[TaskSpec, ContainerSpec], Awaitable[tuple[list[str], dict[str, str]]]]


class EngineTaskHandle:
    """Implements ``TaskHandle``.

    Args:
        folder: of the task; it is there.
        prefix: of the names of its containers in the engine.
        arguments_of: what a container is, for the engine.
        removed: called when nothing is left of the task.
    """

    def __init__(
        self,
        spec: TaskSpec,
        ports: tuple[EngineClient, Clock],
        where: tuple[Path, str],
        arguments_of: ArgumentsOf,
        removed: Callable[[], None],
    ) -> None:
        self.id = spec.id
        self.spec = spec
        self.on_change: Callable[[], None] = _nothing
        self._client, self._clock = ports
        self._folder, self._prefix = where
        self._arguments_of = arguments_of
        self._removed = removed
        self._containers: dict[str, EngineContainer] = {}
        self._work: set[asyncio.Task[None]] = set()
        self._moved = asyncio.Event()
        self._is_lost = False
        self._is_closed = False

    @property
    def is_lost(self) -> bool:
        """See the port."""
        return self._is_lost

    async def adopt(self) -> None:
        """Take hold of what an earlier platform left. Raises TaskRefused."""
        listed = await self._listed()
        for place in sorted(self._folder.glob(f"{CONTAINER_PREFIX}*")):
            container = self._container(place.name[len(CONTAINER_PREFIX) :])
            container.memory_mb = self.spec.memory_mb
            note, status = noted(place), listed.get(container.full_name)
            if note is None and (status is None or status in CREATED):
                continue  # it never ran: whoever asks for it again finds it made or not
            self._containers[place.name[len(CONTAINER_PREFIX) :]] = container
            if note is None:
                await container.take()
            elif note.status is not ContainerStatus.ENDED or status is None:
                container.state = note
            else:
                # It is over once all it wrote is here.
                container.state = ContainerState(ContainerStatus.RUNNING, note.started_ms)
                self._spawn(self._see(container.collect, note))
            if not container.state.status.is_over and note in (None, container.state):
                self._spawn(self._see(container.follow))

    def lose(self) -> None:
        """The machine was started again since: nothing runs, and what was not noted is not known."""
        self._is_lost = True
        for place in sorted(self._folder.glob(f"{CONTAINER_PREFIX}*")):
            name = place.name[len(CONTAINER_PREFIX) :]
            container = self._containers[name] = self._container(name)
            state = noted(place) or container.state
            if not state.status.is_over:
                lost, began_ms = Exit(ExitReason.LOST), state.started_ms
                detail = "the node lost hold of it"
                state = ContainerState(ContainerStatus.ENDED, began_ms, began_ms, lost, detail)
            container.state = state

    def containers(self) -> Mapping[str, ContainerState]:
        """See the port."""
        return {name: container.state for name, container in self._containers.items()}

    async def start(self, spec: ContainerSpec) -> None:
        """See the port."""
        if spec.name not in self._containers:
            if self._is_lost or self._is_closed:
                raise TaskRefused(f"the node has lost hold of task {self.id}")
            arguments, environment = await self._arguments_of(self.spec, spec)
            container = self._containers[spec.name] = self._container(spec.name)
            container.memory_mb = spec.memory_mb or self.spec.memory_mb
            label = ["--label", f"{TASK_LABEL}={self.id}"]
            try:
                await container.make([*label, *arguments], environment)
            except (EngineUnusable, TaskRefused) as error:
                del self._containers[spec.name]
                raise TaskRefused(str(error)) from error
            if container.state.status is ContainerStatus.RUNNING:
                self._spawn(self._see(container.follow))
        while self._containers[spec.name].state.status is ContainerStatus.STARTING:
            self._moved.clear()
            await self._moved.wait()

    def gpus(self, container: str) -> tuple[str, ...]:
        """See the port: an engine's containers get none."""
        return ()

    def signal(self, container: str, number: int) -> None:
        """See the port."""
        found = self._containers.get(container)
        if found is not None and not self._is_closed:
            self._spawn(found.signal(number))

    async def execute(self, container: str, command: Sequence[str], timeout_s: float) -> int:
        """See the port; what takes too long is left to itself inside."""
        found = self._containers.get(container)
        return -1 if found is None else await found.execute(list(command), timeout_s)

    def read_output(self, container: str, position: int) -> tuple[list[OutputPiece], int]:
        """See the port."""
        found = self._containers.get(container)
        return ([], position) if found is None else found.output.read(position, _READ_BYTES)

    def forgotten_output(self, container: str) -> int:
        """See the port."""
        found = self._containers.get(container)
        return 0 if found is None else found.output.forgotten

    def forget_output(self, container: str, position: int) -> None:
        """See the port."""
        found = self._containers.get(container)
        if found is not None:
            found.output.forget(position)
            if found.output.read(position, 1)[0]:
                self.on_change()

    def leave_answers(self, answers: Mapping[str, str]) -> None:
        """See the port: nobody is there to give them, the containers' calls wait for the platform."""

    async def close(self) -> None:
        """See the port."""
        if self._is_closed:
            return
        await self.let_go()
        await self._remove()
        self._removed()

    async def let_go(self) -> None:
        """Leave the task to the engine."""
        self._is_closed = True
        for work in self._work:
            work.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)

    async def _remove(self) -> None:
        """Where the engine does not do it the folder stays, so that a later platform tries again."""
        try:
            names = list(await self._listed())
            if names:
                now = ["--time", "0"] if self._client.is_podman else []
                await self._client.run("rm", "--force", "--volumes", *now, *names)
            left = await self._listed()
        except (EngineUnusable, TaskRefused) as error:
            _log.warning("task %s is not removed: %s", self.id, error)
            return
        if left:
            _log.warning("%s does not remove %s", self._client.engine, ", ".join(left))
            return
        await asyncio.get_running_loop().run_in_executor(None, remove_tree, self._folder)

    async def _see(self, look: Callable[..., Awaitable[None]], *given: ContainerState) -> None:
        """Look after a container for as long as the engine needs to answer."""
        while True:
            try:
                await look(*given)
                return
            except (EngineUnusable, TaskRefused, msgspec.MsgspecError) as error:
                _log.warning("task %s is out of sight: %s", self.id, error)
                await self._clock.sleep(_AGAIN_S)

    async def _listed(self) -> dict[str, str]:
        """The task's containers in the engine: name → state, in the engine's words. Raises TaskRefused."""
        told = await self._client.run(
            "ps", "--all", "--no-trunc", "--filter", f"label={TASK_LABEL}={self.id}",
            "--format", "{{.Names}} {{.State}}",
        )  # fmt: skip
        if told.status:
            raise TaskRefused(f"{self._client.engine} does not answer: {told.error}")
        pairs = (line.split(" ", 1) for line in told.output.splitlines())
        return {name: state.strip().lower() for name, state in pairs}

    def _container(self, name: str) -> EngineContainer:
        place = self._folder / f"{CONTAINER_PREFIX}{name}"
        return EngineContainer(
            self._client, self._clock, place, f"{self._prefix}{name}", self._tell
        )

    def _tell(self) -> None:
        self._moved.set()
        self.on_change()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)


def _nothing() -> None:
    """Nobody listens yet."""
