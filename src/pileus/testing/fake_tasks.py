"""``TaskNodes`` without processes: programs are scripted, time is the clock's.

A :class:`FakeTaskHost` is the machine: it goes on while platforms come and go, so that a test can cut a
platform's power and look whether the next one finds what runs.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pileus.ports.clock import Clock
from pileus.ports.nodes import Exit, ExitReason
from pileus.ports.tasks import (
    Capacity,
    ContainerSpec,
    ContainerState,
    ContainerStatus,
    OutputPiece,
    TaskRefused,
    TaskSpec,
    gpu_refusal,
)

_UNBOUNDED_MB = 1 << 20
_WELL = Exit(ExitReason.EXITED)


@dataclass(frozen=True, slots=True)
class ContainerProgram:
    """What a scripted container does.

    Attributes:
        duration_s: until it ends by itself; None for never.
        output: ``(seconds since its start, line)``.
        failure: why it cannot be started, or empty.
        ignores: signals that do not end it.
        check: the exit status of the n-th command run inside (from 1).
    """

    duration_s: float | None = None
    exit: Exit = _WELL
    output: Sequence[tuple[float, str]] = ()
    failure: str = ""
    ignores: frozenset[int] = frozenset()
    check: Callable[[int], int] = lambda _: 0


@dataclass(slots=True)
class FakeContainer:
    """A started container."""

    spec: ContainerSpec
    program: ContainerProgram
    started_ms: int
    ended_ms: int | None
    exit: Exit
    forgotten: int = 0
    checks: int = 0
    gpus: tuple[str, ...] = ()

    def state(self, now_ms: int) -> ContainerState:
        """As it is at a moment."""
        if self.program.failure:
            status = ContainerStatus.FAILED
            return ContainerState(status, 0, self.started_ms, None, self.program.failure)
        if self.ended_ms is not None and self.ended_ms <= now_ms:
            status = ContainerStatus.ENDED
            return ContainerState(status, self.started_ms, self.ended_ms, self.exit)
        return ContainerState(ContainerStatus.RUNNING, self.started_ms)

    def is_over(self, now_ms: int) -> bool:
        """Whether it has ended."""
        return self.state(now_ms).status.is_over


@dataclass(slots=True)
class FakeTask:
    """A task on the machine."""

    spec: TaskSpec
    is_lost: bool = False
    containers: dict[str, FakeContainer] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class FakeTaskHost:
    """A machine whose containers are scripted, by the first word of their command.

    Attributes:
        starts: ``(task id, container name)`` of every start, in order.
        memory_mb: 0 for no bound.
        gpus: how many GPUs it claims to have.
    """

    clock: Clock
    programs: dict[str, ContainerProgram]
    memory_mb: int = 0
    gpus: int = 0
    tasks: dict[str, FakeTask] = field(default_factory=dict)
    starts: list[tuple[str, str]] = field(default_factory=list)

    def reboot(self) -> None:
        """Everything that runs is lost."""
        now_ms = self.clock.now_ms()
        for task in self.tasks.values():
            task.is_lost = True
            for container in task.containers.values():
                if not container.is_over(now_ms):
                    container.ended_ms, container.exit = now_ms, Exit(ExitReason.LOST)

    def gpus_free(self, task_id: str = "") -> int:
        """How many no task (but ``task_id``) has been promised or given."""
        taken = sum(
            max(task.spec.gpus, sum(len(one.gpus) for one in task.containers.values()))
            for task in self.tasks.values()
            if task.spec.id != task_id
        )
        return max(0, self.gpus - taken)

    def take_gpus(self, task: FakeTask, wanted: int) -> tuple[str, ...]:
        """Ids that no container has yet. Raises TaskRefused."""
        if not wanted:
            return ()
        taken = {
            one
            for other in self.tasks.values()
            for container in other.containers.values()
            for one in container.gpus
        }
        mine = sum(len(container.gpus) for container in task.containers.values())
        free = self.gpus_free(task.spec.id) - mine
        if wanted > free:
            raise TaskRefused(gpu_refusal(wanted, max(0, free), self.gpus))
        ids = [f"GPU-{number}" for number in range(self.gpus)]
        return tuple([one for one in ids if one not in taken][:wanted])

    @property
    def running(self) -> list[tuple[str, str]]:
        """``(task id, container name)`` of what runs now."""
        now_ms = self.clock.now_ms()
        return [
            (task.spec.id, name)
            for task in self.tasks.values()
            for name, container in task.containers.items()
            if not container.is_over(now_ms)
        ]


class FakeTaskHandle:
    """See ``ports.tasks.TaskHandle``."""

    def __init__(self, host: FakeTaskHost, task: FakeTask) -> None:
        self.id = task.spec.id
        self.on_change: Callable[[], None] = _nothing
        self._host = host
        self._task = task
        self._waits: set[asyncio.Task[None]] = set()
        for container in task.containers.values():
            self._announce(container)

    @property
    def is_lost(self) -> bool:
        """See the port."""
        return self._task.is_lost

    def containers(self) -> Mapping[str, ContainerState]:
        """See the port."""
        now_ms = self._host.clock.now_ms()
        return {name: one.state(now_ms) for name, one in self._task.containers.items()}

    async def start(self, spec: ContainerSpec) -> None:
        """See the port."""
        if spec.name in self._task.containers:
            return
        if self._task.is_lost:
            raise TaskRefused(f"the node has lost hold of task {self.id}")
        gpus = self._host.take_gpus(self._task, spec.gpus)
        program = self._host.programs[spec.command[0]]
        now_ms = self._host.clock.now_ms()
        seconds = program.duration_s
        ended_ms = None if seconds is None else now_ms + round(seconds * 1000)
        container = FakeContainer(spec, program, now_ms, ended_ms, program.exit, gpus=gpus)
        self._task.containers[spec.name] = container
        self._host.starts.append((self.id, spec.name))
        self._announce(container)

    def gpus(self, container: str) -> tuple[str, ...]:
        """See the port."""
        one = self._task.containers.get(container)
        return one.gpus if one else ()

    def signal(self, container: str, number: int) -> None:
        """See the port."""
        one = self._task.containers.get(container)
        now_ms = self._host.clock.now_ms()
        if one is None or one.is_over(now_ms) or number in one.program.ignores - {signal.SIGKILL}:
            return
        one.ended_ms, one.exit = now_ms, Exit(ExitReason.KILLED, signal=number)
        self.on_change()

    async def execute(self, container: str, command: Sequence[str], timeout_s: float) -> int:
        """See the port."""
        one = self._task.containers.get(container)
        if one is None or one.is_over(self._host.clock.now_ms()):
            return -1
        one.checks += 1
        return one.program.check(one.checks)

    def read_output(self, container: str, position: int) -> tuple[list[OutputPiece], int]:
        """See the port."""
        one = self._task.containers.get(container)
        if one is None:
            return [], position
        now_ms = self._host.clock.now_ms()
        last_ms = now_ms if one.ended_ms is None else min(now_ms, one.ended_ms)
        told = [
            OutputPiece(one.started_ms + round(at_s * 1000), f"{line}\n".encode())
            for at_s, line in one.program.output
        ]
        there = [piece for piece in told if piece.at_ms <= last_ms]
        return there[position:], max(position, len(there))

    def forgotten_output(self, container: str) -> int:
        """See the port."""
        one = self._task.containers.get(container)
        return one.forgotten if one else 0

    def forget_output(self, container: str, position: int) -> None:
        """See the port."""
        self._task.containers[container].forgotten = position

    def leave_answers(self, answers: Mapping[str, str]) -> None:
        """See the port."""
        self._task.answers = dict(answers)

    async def close(self) -> None:
        """See the port."""
        self.let_go()
        self._host.tasks.pop(self.id, None)

    def let_go(self) -> None:
        """The platform goes; the task stays."""
        for wait in self._waits:
            wait.cancel()

    def _announce(self, container: FakeContainer) -> None:
        """Tell of everything that will happen to the container by itself."""
        moments = {
            container.started_ms + round(at_s * 1000) for at_s, _ in container.program.output
        }
        if container.ended_ms is not None:
            moments.add(container.ended_ms)
        wait = asyncio.ensure_future(self._tell(sorted(moments)))
        self._waits.add(wait)
        wait.add_done_callback(self._waits.discard)

    async def _tell(self, moments: Sequence[int]) -> None:
        clock = self._host.clock
        for at_ms in moments:
            if at_ms > clock.now_ms():
                await clock.sleep((at_ms - clock.now_ms()) / 1000)
            self.on_change()


class FakeTaskNodes:
    """See ``ports.tasks.TaskNodes``: one platform's view of the machine."""

    def __init__(self, host: FakeTaskHost) -> None:
        self._host = host
        self._handles: list[FakeTaskHandle] = []

    def capacity(self) -> Capacity:
        """See the port."""
        total = self._host.memory_mb or _UNBOUNDED_MB
        taken = sum(task.spec.memory_mb for task in self._host.tasks.values())
        gpus, free = self._host.gpus, self._host.gpus_free()
        return Capacity(total, max(0, total - taken), gpus, free)

    async def found(self) -> tuple[str, ...]:
        """See the port."""
        return tuple(sorted(self._host.tasks))

    async def open(self, spec: TaskSpec) -> FakeTaskHandle:
        """See the port."""
        task = self._host.tasks.get(spec.id)
        if task is None:
            free = self._host.gpus_free()
            if spec.gpus > free:
                raise TaskRefused(gpu_refusal(spec.gpus, free, self._host.gpus))
            task = self._host.tasks[spec.id] = FakeTask(spec)
        handle = FakeTaskHandle(self._host, task)
        self._handles.append(handle)
        return handle

    async def close(self) -> None:
        """See the port."""
        for handle in self._handles:
            handle.let_go()


def _nothing() -> None:
    """Nobody listens yet."""
