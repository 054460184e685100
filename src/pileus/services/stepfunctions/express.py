"""Express executions: in memory from beginning to end, at least once, with nothing stored between.

One that nobody waits for is durable as a beginning, and is begun again when the platform stopped
meanwhile; one that somebody waits for ends with the platform.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import msgspec

from pileus.kernel.calls import Call, StreamCall, WriteCall
from pileus.languages.asl.commands import (
    Cancel,
    CancelWake,
    Command,
    Happened,
    Schedule,
    Stopped,
    TaskStarted,
    TaskTimedOut,
    WakeAt,
    Woken,
)
from pileus.languages.asl.run import Advance, Run
from pileus.languages.asl.run_state import ExecutionContext, RunState
from pileus.languages.asl.timestamps import format_timestamp
from pileus.services.stepfunctions import advancing, programs, store, tasks
from pileus.services.stepfunctions.limits import LIMITS
from pileus.services.stepfunctions.model import EXPRESS, EXPRESS_RUN, Due, Machine, Task
from pileus.services.stepfunctions.names import express_arn, machine_arn
from pileus.values.times import utc

_TIMED_OUT: Final = "TIMED_OUT"


class Beginning(msgspec.Struct, frozen=True):
    """How an Express execution begins: all there is to know of it.

    Attributes:
        run: tells it from others of its name.
    """

    machine: str
    name: str
    run: str
    digest: str
    role_arn: str
    input: str
    started_ms: int


class Ending(msgspec.Struct, frozen=True):
    """What came of one."""

    status: str
    output: str | None = None
    error: str | None = None
    cause: str | None = None


def beginning(call: Call, machine: Machine, name: str, text: str) -> Beginning:
    """A new execution of a state machine."""
    return Beginning(
        machine.name,
        name,
        call.new_id(),
        machine.revision.digest,
        machine.revision.role_arn,
        text,
        call.now_ms,
    )


def arn_of(call: Call, begun: Beginning) -> str:
    return express_arn(call, begun.machine, begun.name, begun.run)


def accept(call: WriteCall, machine: Machine, name: str, text: str) -> dict[str, Any]:
    """Let an execution run after the commit; StartExecution's answer."""
    begun = beginning(call, machine, name, text)
    start = msgspec.to_builtins(begun)
    store.put_due(call, Due(kind=EXPRESS_RUN, item=f"{machine.name}:{name}", start=start))
    return {"executionArn": arn_of(call, begun), "startDate": utc(call.now_ms)}


async def run_accepted(call: StreamCall, number: int, work: Due) -> None:
    """Run what was accepted, to its end."""
    await to_end(call, msgspec.convert(work.start, Beginning))
    await call.write_at_last(
        lambda write: store.delete_due(write, number), f"the end of {work.item}"
    )


async def to_end(call: StreamCall, begun: Beginning) -> Ending:
    """Run an execution and say what came of it."""
    program = call.read(lambda view: programs.program(view, begun.digest))
    return await _Express(call, begun, Run(program, EXPRESS, tokens=_no_token)).run()


def _no_token(arn: str, number: int) -> str:
    raise NotImplementedError("definitions of Express machines have no waitForTaskToken")


class _Express:
    """One execution while it runs."""

    def __init__(self, call: StreamCall, begun: Beginning, run: Run) -> None:
        self._call = call
        self._begun = begun
        self._run = run
        self._chance = advancing.chance_of(call)
        self._told: asyncio.Queue[Happened] = asyncio.Queue()
        self._work: dict[tuple[str, int], list[asyncio.Task[None]]] = {}

    async def run(self) -> Ending:
        begun, clock = self._begun, self._call.clock
        context = ExecutionContext(
            execution_arn=arn_of(self._call, begun),
            name=begun.name,
            role_arn=begun.role_arn,
            state_machine_arn=machine_arn(self._call, begun.machine),
            state_machine_name=begun.machine,
            start_time=format_timestamp(begun.started_ms),
            region=self._call.region,
        )
        try:
            self._later(("end", 0), LIMITS.sync_express_s * 1000, Stopped())
            state, advance = self._run.begin(begun.input, context, clock.now_ms(), self._chance)
            advance = await self._settled(state, advance)
            while not advance.is_finished:
                happened = await self._told.get()
                if isinstance(happened, Stopped):
                    return Ending(_TIMED_OUT, error="States.Timeout")
                advance = self._run.resume(state, happened, clock.now_ms(), self._chance)
                advance = await self._settled(state, advance)
        finally:
            for each in [task for found in self._work.values() for task in found]:
                each.cancel()
        return Ending(advance.status, advance.output, advance.error, advance.cause)

    async def _settled(self, state: RunState, advance: Advance) -> Advance:
        """Carry out what an advance asks for, and go on while it was paused."""
        commands: deque[Command] = deque(advance.commands)
        while True:
            while commands:
                command = commands.popleft()
                self._obey(command)
                if isinstance(command, Schedule) and command.task_id in state.tasks:
                    self._told.put_nowait(TaskStarted(command.task_id))
            if not advance.is_paused or advance.is_finished:
                return advance
            await asyncio.sleep(0)
            advance = self._run.go_on(state, self._call.clock.now_ms(), self._chance)
            commands += advance.commands

    def _obey(self, command: Command) -> None:
        if isinstance(command, WakeAt):
            wait_ms = command.at_ms - self._call.clock.now_ms()
            self._later(("timer", command.timer_id), wait_ms, Woken(command.timer_id))
        elif isinstance(command, CancelWake):
            self._cancel(("timer", command.timer_id))
        elif isinstance(command, Cancel):
            self._cancel(("task", command.task_id))
        elif isinstance(command, Schedule):
            self._schedule(command)
        else:
            # Definitions with distributed Maps are refused when they are given.
            raise NotImplementedError(type(command).__name__)

    def _schedule(self, command: Schedule) -> None:
        number = command.task_id
        task = Task(
            arn=command.resource.arn,
            arguments=command.arguments,
            role_arn=advancing.tasks_role(command, self._begun.role_arn),
        )
        step_id = f"{self._begun.machine}:{self._begun.run}#{number}"
        key = ("task", number)
        self._spawn(key, partial(tasks.perform, self._call, task, step_id, number))
        if command.timeout_ms is not None:
            self._later(key, command.timeout_ms, TaskTimedOut(number))

    def _later(self, key: tuple[str, int], wait_ms: int, happened: Happened) -> None:
        async def wait() -> Happened:
            await self._call.clock.sleep(max(0, wait_ms) / 1000)
            return happened

        self._spawn(key, wait)

    def _spawn(self, key: tuple[str, int], work: Callable[[], Awaitable[Happened]]) -> None:
        async def told() -> None:
            happened = await work()
            self._told.put_nowait(happened)

        self._work.setdefault(key, []).append(asyncio.create_task(told()))

    def _cancel(self, key: tuple[str, int]) -> None:
        for each in self._work.pop(key, ()):
            each.cancel()
