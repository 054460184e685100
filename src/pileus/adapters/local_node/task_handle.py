"""One task on this machine as the platform holds it: its keeper's socket, and the files it left."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

from pileus.ports.nodes import Exit, ExitReason
from pileus.ports.tasks import (
    ContainerSpec,
    ContainerState,
    ContainerStatus,
    OutputPiece,
    TaskRefused,
    TaskSpec,
)
from pileus.runtime import container_keeper, messages
from pileus.runtime.container_output import forget_output, forgotten_output, read_output
from pileus.runtime.container_plan import PROTOCOL_VERSION, ContainerPlan

CONTAINER_PREFIX = "c-"
_GPUS = "gpus.json"
_READ_BYTES = 1 << 20
PlanOf = Callable[[TaskSpec, ContainerSpec], ContainerPlan]
TakeListeners = Callable[[Sequence[socket.socket], str], Sequence[Callable[[], None]]]


class LocalTaskHandle:
    """Implements ``TaskHandle``.

    Args:
        folder: of the task.
        plan_of: makes the keeper's plan of a container, its control group included.
        take_listeners: gets the listeners inside the task's network; what it returns ends them.
        remove: takes away what is left once every process has ended.
    """

    def __init__(
        self,
        spec: TaskSpec,
        folder: Path,
        plan_of: PlanOf,
        take_listeners: TakeListeners,
        remove: Callable[[], None],
    ) -> None:
        self.id = spec.id
        self.spec = spec
        self.on_change: Callable[[], None] = _nothing
        self._folder = folder
        self._plan_of = plan_of
        self._take_listeners = take_listeners
        self._remove = remove
        self._loop = asyncio.get_running_loop()
        self._channel: socket.socket | None = None
        self._states: dict[str, ContainerState] = {}
        self._moved = asyncio.Event()
        self._greeted: asyncio.Future[None] = self._loop.create_future()
        self._executions: dict[int, asyncio.Future[int]] = {}
        self._numbers = count(1)
        self._doors: Sequence[Callable[[], None]] = ()
        self._is_lost = False
        self._refusal = ""
        self._is_closed = False

    @property
    def is_lost(self) -> bool:
        """See the port."""
        return self._is_lost

    async def greet(self, channel: socket.socket) -> None:
        """Speak to a keeper that has the task already. Raises TaskRefused."""
        self._listen(channel)
        self._send({"op": "hello"})
        await self._greeted

    def take_keeper(self, channel: socket.socket, listeners: Sequence[socket.socket]) -> None:
        """Speak to a keeper that was just told the task, and whose network has these listeners."""
        self._listen(channel)
        self._doors = self._take_listeners(listeners, self.spec.name)
        self._greeted.set_result(None)

    def _listen(self, channel: socket.socket) -> None:
        channel.setblocking(False)
        self._channel = channel
        self._loop.add_reader(channel.fileno(), self._hear)

    def lose(self) -> None:
        """There is no keeper: what its files say is all that is known."""
        self._is_lost = True
        try:
            kept = json.loads((self._folder / container_keeper.STATUS).read_text())["containers"]
        except FileNotFoundError:
            kept = {}
        self._states |= {name: _state(plain) for name, plain in kept.items()}
        for path in self._folder.glob(f"{CONTAINER_PREFIX}*"):
            self._states.setdefault(
                path.name[len(CONTAINER_PREFIX) :], ContainerState(ContainerStatus.STARTING)
            )
        for name, state in self._states.items():
            if not state.status.is_over:
                self._states[name] = ContainerState(
                    ContainerStatus.ENDED,
                    state.started_ms,
                    state.ended_ms,
                    Exit(ExitReason.LOST),
                    self._refusal or "the node lost hold of it",
                )
        for waiting in self._executions.values():
            if not waiting.done():
                waiting.set_result(-1)
        self._tell()

    def containers(self) -> Mapping[str, ContainerState]:
        """See the port."""
        return dict(self._states)

    async def start(self, spec: ContainerSpec) -> None:
        """See the port."""
        if spec.name not in self._states:
            self._check()
            plan = self._plan_of(self.spec, spec)
            self._states[spec.name] = ContainerState(ContainerStatus.STARTING)
            try:
                self._send({"op": "start", "container": asdict(plan)})
            except OSError as error:
                raise TaskRefused(
                    f"the keeper of task {self.id} does not answer: {error}"
                ) from error
        while self._states[spec.name].status is ContainerStatus.STARTING:
            self._moved.clear()
            await self._moved.wait()

    def gpus(self, container: str) -> tuple[str, ...]:
        """See the port."""
        return read_gpus(self._place(container))

    def signal(self, container: str, number: int) -> None:
        """See the port."""
        if self._channel is not None:
            self._send({"op": "signal", "container": container, "number": number})

    async def execute(self, container: str, command: Sequence[str], timeout_s: float) -> int:
        """See the port."""
        if self._channel is None:
            return -1
        number = next(self._numbers)
        waiting: asyncio.Future[int] = self._loop.create_future()
        self._executions[number] = waiting
        message = {"op": "execute", "id": number, "container": container, "command": list(command)}
        try:
            self._send({**message, "timeout_s": timeout_s})
            return await waiting
        finally:
            del self._executions[number]

    def read_output(self, container: str, position: int) -> tuple[list[OutputPiece], int]:
        """See the port."""
        pieces, end = read_output(str(self._place(container)), position, _READ_BYTES)
        return [OutputPiece(at_ms, data) for at_ms, data in pieces], end

    def forgotten_output(self, container: str) -> int:
        """See the port."""
        return forgotten_output(str(self._place(container)))

    def forget_output(self, container: str, position: int) -> None:
        """See the port."""
        forget_output(str(self._place(container)), position)
        if self._channel is not None:
            self._send({"op": "output_read", "container": container, "position": position})

    def leave_answers(self, answers: Mapping[str, str]) -> None:
        """See the port."""
        if self._channel is not None:
            self._send({"op": "answers", "answers": dict(answers)})

    async def close(self) -> None:
        """See the port."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._channel is not None:
            self._send({"op": "close"})
            while self._channel is not None:
                self._moved.clear()
                await self._moved.wait()
        self._close_doors()
        await self._loop.run_in_executor(None, self._remove)

    def let_go(self) -> None:
        """Leave the task to its keeper."""
        self._is_closed = True
        self._drop_channel()
        self._close_doors()

    def _check(self) -> None:
        if self._is_lost or self._is_closed:
            raise TaskRefused(f"the node has lost hold of task {self.id}")

    def _place(self, container: str) -> Path:
        return self._folder / f"{CONTAINER_PREFIX}{container}"

    def _send(self, message: dict[str, Any]) -> None:
        if self._channel is None:
            raise BrokenPipeError("no keeper")
        try:
            messages.send(self._channel, message)
        except BrokenPipeError:
            self._loop.call_soon(self._end_of_keeper)

    def _hear(self) -> None:
        assert self._channel is not None
        try:
            message, descriptors = messages.receive(self._channel)
        except BlockingIOError:
            return
        except OSError:
            message, descriptors = None, []
        if message is None:
            self._end_of_keeper()
            return
        event = message["event"]
        if event == "hello":
            self._hear_hello(message, descriptors)
        elif event == "refused":
            self._refusal = message["reason"]
            self._end_of_keeper()
        elif event == "state":
            self._states[message["container"]] = _state(message["state"])
            self._tell()
        elif event == "output":
            self.on_change()
        elif event == "executed":
            waiting = self._executions.get(message["id"])
            if waiting is not None and not waiting.done():
                waiting.set_result(message["code"])

    def _hear_hello(self, message: dict[str, Any], descriptors: list[int]) -> None:
        listeners = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        if message["version"] != PROTOCOL_VERSION:
            self._refuse(
                f"its keeper speaks version {message['version']}, not {PROTOCOL_VERSION}: stop the "
                "task with the version of Pileus that started it"
            )
            return
        self._states = {name: _state(plain) for name, plain in message["containers"].items()}
        self._doors = self._take_listeners(listeners, self.spec.name)
        if not self._greeted.done():
            self._greeted.set_result(None)

    def _refuse(self, reason: str) -> None:
        if not self._greeted.done():
            self._greeted.set_exception(TaskRefused(f"task {self.id}: {reason}"))

    def _end_of_keeper(self) -> None:
        if self._channel is None:
            return
        self._drop_channel()
        self._refuse(self._refusal or "its keeper ended")
        if not self._is_closed:
            self.lose()
        self._moved.set()

    def _drop_channel(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            self._loop.remove_reader(channel.fileno())
            channel.close()

    def _close_doors(self) -> None:
        for close in self._doors:
            close()
        self._doors = ()

    def _tell(self) -> None:
        self._moved.set()
        self.on_change()


def _state(plain: dict[str, Any]) -> ContainerState:
    status = ContainerStatus(plain["status"])
    exit = None
    if status is ContainerStatus.ENDED:
        number, code = plain["signal"] or 0, plain["code"] or 0
        if plain["out_of_memory"] and (number or code):
            exit = Exit(ExitReason.OUT_OF_MEMORY, code=code, signal=number)
        elif number:
            exit = Exit(ExitReason.KILLED, signal=number)
        else:
            exit = Exit(ExitReason.EXITED, code=code)
    return ContainerState(status, plain["started_ms"], plain["ended_ms"], exit, plain["detail"])


def write_gpus(place: Path, ids: Sequence[str]) -> None:
    """Note in a container's folder which GPUs it was given, for platforms to come."""
    (place / _GPUS).write_text(json.dumps(list(ids)))


def read_gpus(place: Path) -> tuple[str, ...]:
    """What :func:`write_gpus` noted; nothing where a container was given none."""
    try:
        return tuple(json.loads((place / _GPUS).read_text()))
    except FileNotFoundError:
        return ()


def connect(folder: Path) -> socket.socket:
    """A channel to the keeper of a task's folder. Raises OSError when none is there."""
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    place = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        channel.connect(f"/proc/self/fd/{place}/{container_keeper.CONTROL}")
    except OSError:
        channel.close()
        raise
    finally:
        os.close(place)
    return channel


def _nothing() -> None:
    """Nobody listens yet."""
