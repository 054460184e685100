"""What every ``TaskNodes`` adapter must do; see ``ports/tasks.py``.

The same programs exist as commands for adapters that run them and as scripts for the fake: the first
word of each command is the name of the script.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import pytest

from pileus.ports.nodes import Exit, ExitReason
from pileus.ports.tasks import (
    ContainerSpec,
    ContainerStatus,
    TaskHandle,
    TaskNodes,
    TaskRefused,
    TaskSpec,
)
from pileus.testing.fake_tasks import ContainerProgram

T = TypeVar("T")
_COMMANDS = {
    "true": ("true",),
    "seven": ("sh", "-c", "exit 7"),
    "forever": ("sh", "-c", "trap 'exit 0' TERM; while true; do sleep 0.05; done"),
    "stubborn": ("sh", "-c", "trap '' TERM; while true; do sleep 0.05; done"),
    "speaker": ("sh", "-c", "echo one; echo two >&2; sleep 0.1; printf three"),
    "missing": ("no-such-program",),
    "hog": ("python3", "-c", "held = bytearray(300 << 20); print(len(held))"),
}
PROGRAMS = {
    "true": ContainerProgram(0.01),
    "seven": ContainerProgram(0.01, Exit(ExitReason.EXITED, code=7)),
    "forever": ContainerProgram(),
    "stubborn": ContainerProgram(ignores=frozenset({signal.SIGTERM})),
    "speaker": ContainerProgram(0.1, output=((0, "one"), (0, "two"), (0.1, "three"))),
    "missing": ContainerProgram(
        failure='exec: "no-such-program": executable file not found in $PATH'
    ),
    "hog": ContainerProgram(0.2, Exit(ExitReason.OUT_OF_MEMORY, signal=9)),
}
"""The same for the fake."""
COMMANDS_OF_FAKE = {name: (name,) for name in PROGRAMS}
COMMANDS = _COMMANDS


class Run(Protocol):
    """Awaits work while time passes."""

    def __call__(self, work: Coroutine[Any, Any, T]) -> Awaitable[T]: ...


@dataclass(slots=True)
class Bench:
    """One adapter under test.

    Attributes:
        commands: the programs above, as the adapter takes them.
        run: awaits work while the adapter's time passes.
        again: another platform's nodes on the same machine.
    """

    nodes: TaskNodes
    commands: dict[str, tuple[str, ...]]
    run: Run
    again: Callable[[], TaskNodes]

    async def open(self, task_id: str = "task-1") -> TaskHandle:
        """An open task of 128 MB."""
        spec = TaskSpec(task_id, task_id, memory_mb=128)
        return await self.run(self._open(spec))

    async def _open(self, spec: TaskSpec) -> TaskHandle:
        return await self.nodes.open(spec)

    async def start(self, handle: TaskHandle, program: str, name: str = "main") -> None:
        """Start one of the programs."""
        await self.run(handle.start(ContainerSpec(name, self.commands[program])))

    async def ended(self, handle: TaskHandle, name: str = "main") -> Exit | None:
        """How a container ended, once it has."""
        moved = asyncio.Event()
        handle.on_change = moved.set

        async def wait() -> None:
            while not handle.containers()[name].status.is_over:
                await moved.wait()
                moved.clear()

        await self.run(wait())
        return handle.containers()[name].exit


async def an_exit_status_is_told(bench: Bench) -> None:
    """0 and 7, with the times."""
    handle = await bench.open()
    await bench.start(handle, "true")
    await bench.start(handle, "seven", "other")
    assert await bench.ended(handle) == Exit(ExitReason.EXITED)
    assert await bench.ended(handle, "other") == Exit(ExitReason.EXITED, code=7)
    state = handle.containers()["main"]
    assert state.status is ContainerStatus.ENDED
    assert 0 < state.started_ms <= state.ended_ms
    await handle.close()


async def output_is_whole_when_the_end_is_told(bench: Bench) -> None:
    """Both streams, in order, with what has no newline."""
    handle = await bench.open()
    await bench.start(handle, "speaker")
    await bench.ended(handle)
    pieces, end = handle.read_output("main", 0)
    text = b"".join(piece.data for piece in pieces)
    assert text.split() == [b"one", b"two", b"three"]
    assert handle.read_output("main", end) == ([], end)
    handle.forget_output("main", end)
    assert handle.forgotten_output("main") == end
    await handle.close()


async def a_program_that_is_not_there_is_told(bench: Bench) -> None:
    """FAILED, in the words of a container engine."""
    handle = await bench.open()
    await bench.start(handle, "missing")
    state = handle.containers()["main"]
    assert state.status is ContainerStatus.FAILED
    assert 'exec: "no-such-program": executable file not found in $PATH' in state.detail
    await handle.close()


async def a_signal_that_is_ignored_leaves_it_running(bench: Bench) -> None:
    """SIGKILL does not."""
    handle = await bench.open()
    await bench.start(handle, "stubborn")
    await bench.run(handle.execute("main", ["true"], 5))
    handle.signal("main", signal.SIGTERM)
    await bench.run(handle.execute("main", ["true"], 5))
    assert handle.containers()["main"].status is ContainerStatus.RUNNING
    handle.signal("main", signal.SIGKILL)
    assert await bench.ended(handle) == Exit(ExitReason.KILLED, signal=9)
    await handle.close()


async def memory_past_the_bound_is_told(bench: Bench) -> None:
    """300 MB in a task of 128 MB."""
    handle = await bench.open()
    await bench.start(handle, "hog")
    assert await bench.ended(handle) == Exit(ExitReason.OUT_OF_MEMORY, signal=9)
    await handle.close()


async def starting_twice_is_starting_once(bench: Bench) -> None:
    """A container's name stands for one start."""
    handle = await bench.open()
    await bench.start(handle, "forever")
    first = handle.containers()["main"]
    await bench.start(handle, "seven")
    assert handle.containers()["main"] == first
    await handle.close()


async def another_platform_finds_what_runs(bench: Bench) -> None:
    """The same task under its id, with all its output, and it can be ended."""
    handle = await bench.open()
    await bench.start(handle, "forever")
    await bench.nodes.close()
    bench.nodes = bench.again()
    assert await bench.run(_found(bench.nodes)) == ("task-1",)
    adopted = await bench.open()
    assert not adopted.is_lost
    assert adopted.containers()["main"].status is ContainerStatus.RUNNING
    adopted.signal("main", signal.SIGKILL)
    assert await bench.ended(adopted) == Exit(ExitReason.KILLED, signal=9)
    await adopted.close()
    await adopted.close()
    assert await bench.run(_found(bench.nodes)) == ()


async def _found(nodes: TaskNodes) -> tuple[str, ...]:
    return await nodes.found()


async def an_end_in_between_is_found(bench: Bench) -> None:
    """A container that ended while no platform was there tells how."""
    handle = await bench.open()
    await bench.start(handle, "speaker")
    await bench.nodes.close()
    bench.nodes = bench.again()
    adopted = await bench.open()
    assert await bench.ended(adopted) == Exit(ExitReason.EXITED)
    pieces, _ = adopted.read_output("main", 0)
    assert b"".join(piece.data for piece in pieces).split() == [b"one", b"two", b"three"]
    await adopted.close()


async def commands_run_inside(bench: Bench) -> None:
    """Their exit status is told; negative where nothing runs."""
    handle = await bench.open()
    await bench.start(handle, "forever")
    assert await bench.run(handle.execute("main", ["true"], 5)) == 0
    assert await bench.run(handle.execute("other", ["true"], 5)) < 0
    await handle.close()


async def gpus_are_refused_where_there_are_none(bench: Bench) -> None:
    """In words that say so, for a container and for a whole task."""
    if bench.nodes.capacity().gpus:
        pytest.skip("this machine has a GPU")
    handle = await bench.open()
    with pytest.raises(TaskRefused, match="no GPU on any node"):
        await handle.start(ContainerSpec("main", bench.commands["true"], gpus=1))
    await handle.close()
    with pytest.raises(TaskRefused, match="no GPU on any node"):
        await bench.nodes.open(TaskSpec("task-2", "task-2", gpus=1))
    assert bench.nodes.capacity().gpus_free == 0


async def _task_with_gpus(bench: Bench, name: str, count: int) -> TaskHandle:
    handle = await bench.nodes.open(TaskSpec(name, name, gpus=count))
    spec = ContainerSpec("main", bench.commands["forever"], gpus=count)
    await bench.run(handle.start(spec))
    return handle


async def no_two_tasks_have_the_same_gpu(bench: Bench) -> None:
    """Of two GPUs each task gets one, also before another platform takes hold of the first; a third task is
    refused until one is closed. For benches of two GPUs."""
    nodes = bench.nodes
    first = await _task_with_gpus(bench, "task-1", 1)
    assert nodes.capacity().gpus_free == 1
    await nodes.close()
    bench.nodes = nodes = bench.again()
    second = await _task_with_gpus(bench, "task-2", 1)
    first = await nodes.open(TaskSpec("task-1", "task-1", gpus=1))
    assert len({*first.gpus("main"), *second.gpus("main")}) == 2
    assert (nodes.capacity().gpus, nodes.capacity().gpus_free) == (2, 0)
    with pytest.raises(TaskRefused, match="1 GPUs asked, 0 of 2 left"):
        await nodes.open(TaskSpec("task-3", "task-3", gpus=1))
    with pytest.raises(TaskRefused, match="3 GPUs asked, 2 on the node that has most"):
        await nodes.open(TaskSpec("task-3", "task-3", gpus=3))
    given = first.gpus("main")
    await first.close()
    third = await _task_with_gpus(bench, "task-3", 1)
    assert third.gpus("main") == given
    await second.close()
    await third.close()
    assert nodes.capacity().gpus_free == 2


async def a_promised_gpu_is_kept(bench: Bench) -> None:
    """For the task that asked, though its container has not started. For benches of two GPUs."""
    first = await bench.nodes.open(TaskSpec("task-1", "task-1", gpus=2))
    second = await bench.nodes.open(TaskSpec("task-2", "task-2"))
    with pytest.raises(TaskRefused, match="1 GPUs asked, 0 of 2 left"):
        await second.start(ContainerSpec("main", bench.commands["true"], gpus=1))
    for name in ("one", "other"):
        spec = ContainerSpec(name, bench.commands["forever"], gpus=1)
        await bench.run(first.start(spec))
    assert len({*first.gpus("one"), *first.gpus("other")}) == 2
    assert first.gpus("nobody") == ()
    await first.close()
    await second.close()


GPU_CONTRACT = (no_two_tasks_have_the_same_gpu, a_promised_gpu_is_kept)
"""For adapters on a machine of two GPUs."""
CONTRACT = (
    an_exit_status_is_told,
    output_is_whole_when_the_end_is_told,
    a_program_that_is_not_there_is_told,
    a_signal_that_is_ignored_leaves_it_running,
    memory_past_the_bound_is_told,
    starting_twice_is_starting_once,
    another_platform_finds_what_runs,
    an_end_in_between_is_found,
    commands_run_inside,
    gpus_are_refused_where_there_are_none,
)
