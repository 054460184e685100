"""Executions advance: each step is one transaction, which stores all that follows from it.

In it are the events that were written, where the execution stands now, the timers it waits for and
the tasks it wants done; so a task is begun only after that is durable, and whoever tells what came
of it needs nothing but a transaction either. Nothing of a Standard execution is kept in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from pileus.kernel.calls import Call, WriteCall
from pileus.kernel.deliveries import Timer
from pileus.kernel.tokens import seal, unseal
from pileus.languages.asl.commands import (
    Cancel,
    CancelWake,
    Command,
    Happened,
    Schedule,
    Stopped,
    TaskFailed,
    TaskStarted,
    TaskSubmitted,
    TaskSucceeded,
    TaskTimedOut,
    WakeAt,
)
from pileus.languages.asl.events import Event
from pileus.languages.asl.run import Advance, Run
from pileus.languages.asl.run_state import ExecutionContext, RunState
from pileus.languages.asl.states import parse_resource
from pileus.services.stepfunctions import nesting, programs, store
from pileus.services.stepfunctions.model import (
    GO_ON,
    RUNNING,
    TASK,
    Due,
    Execution,
    Task,
)
from pileus.services.stepfunctions.names import execution_arn

_CHANCE_BITS = 53
_OVER = TaskSucceeded | TaskFailed | TaskTimedOut
STATE_TIMER, TASK_TIMER = "state_due", "task_due"
TIMEOUT, HEARTBEAT = "timeout", "heartbeat"


class _Steps:
    """Events and commands of the advances that one transaction makes."""

    def __init__(self, call: WriteCall, execution: Execution, state: RunState | None) -> None:
        self.call = call
        self.execution = execution
        self.run = Run(programs.program(call, execution.digest), tokens=_tokens(call))
        self.state = state
        self._is_new = state is None
        self.events: list[Event] = []
        self._commands: deque[Command] = deque()
        self._last: Advance | None = None

    def take(self, advance: Advance) -> None:
        self.events += advance.events
        self._commands += advance.commands
        self._last = advance

    def keep(self) -> None:
        """Store what has come of it."""
        call, execution, state = self.call, self.execution, self.state
        assert state is not None
        while self._commands:
            self._obey(self._commands.popleft())
        store.append(call, execution.id, self.events)
        assert self._last is not None
        is_over = state.status != RUNNING
        if is_over:
            execution.status = state.status
            execution.stopped_ms = call.now_ms
            execution.event_last = state.last_event
            call.wake(store.ended_key(execution.id))
        else:
            store.put_cursor(call, execution.id, state)
            if self._last.is_paused:
                store.put_due(call, Due(kind=GO_ON, item=execution.id))
        if self._is_new:
            store.put_new_execution(call, execution)
        elif is_over:
            store.put_ended_execution(call, execution)
            report(call, execution)

    def _obey(self, command: Command) -> None:
        call, execution = self.call, self.execution
        if isinstance(command, WakeAt):
            call.set_timer(
                Timer(
                    name=STATE_TIMER,
                    key=f"{execution.id}/{command.timer_id}",
                    at_ms=command.at_ms,
                    payload={"execution": execution.id, "timer": command.timer_id},
                )
            )
        elif isinstance(command, CancelWake):
            call.cancel_timer(STATE_TIMER, f"{execution.id}/{command.timer_id}")
        elif isinstance(command, Schedule):
            self._schedule(command)
        elif isinstance(command, Cancel):
            forget_task(call, execution.id, command.task_id)
        else:
            # Definitions with distributed Maps are refused when they are given.
            raise NotImplementedError(type(command).__name__)

    def _schedule(self, command: Schedule) -> None:
        call, execution, state = self.call, self.execution, self.state
        assert state is not None
        number = command.task_id
        if number not in state.tasks:
            return
        task = Task(
            arn=command.resource.arn,
            arguments=command.arguments,
            timeout_ms=command.timeout_ms,
            heartbeat_ms=command.heartbeat_ms,
            role_arn=tasks_role(command, state.context.role_arn),
            token=command.token or make_token(call, execution.id, number),
        )
        if command.resource.kind == "activity":
            task.activity = command.resource.arn.rpartition(":")[2]
            store.offer(call, task.activity, execution.id, number)
        else:
            task.due = store.put_due(call, Due(kind=TASK, item=execution.id, task_id=number))
        store.put_task(call, execution.id, number, task)
        set_task_timer(call, execution.id, number, TIMEOUT, task.timeout_ms)
        if not task.activity:
            set_task_timer(call, execution.id, number, HEARTBEAT, task.heartbeat_ms)
            # It begins as soon as this is durable: no commit of its own says so.
            begun = TaskStarted(number)
            self.take(self.run.resume(state, begun, call.now_ms, chance_of(call), max_steps=0))


def tasks_role(command: Schedule, machine_role_arn: str) -> str:
    """Whom a task is done as."""
    return str((command.credentials or {}).get("RoleArn") or machine_role_arn)


def begin(call: WriteCall, execution: Execution, text: str, context: ExecutionContext) -> None:
    """Store a new execution, advanced as far as it goes by itself."""
    steps = _Steps(call, execution, None)
    steps.state, advance = steps.run.begin(text, context, call.now_ms, chance_of(call))
    steps.take(advance)
    steps.keep()


def tell(call: WriteCall, execution_id: str, happened: Happened) -> bool:
    """Advance an execution by what has happened; whether anybody waited for it."""
    state = store.cursor(call, execution_id)
    execution = store.execution(call, execution_id)
    if state is None or execution is None:
        return False
    if isinstance(happened, _OVER):
        forget_task(call, execution_id, happened.task_id)
    steps = _Steps(call, execution, state)
    advance = steps.run.resume(state, happened, call.now_ms, chance_of(call))
    steps.take(advance)
    is_taken = not advance.is_ignored
    if is_taken or advance.events:
        steps.keep()
    if is_taken and isinstance(happened, TaskSubmitted):
        _submitted(call, execution_id, happened)
    return is_taken


def go_on(call: WriteCall, execution_id: str) -> None:
    """Go on where an advance was paused."""
    state = store.cursor(call, execution_id)
    execution = store.execution(call, execution_id)
    if state is None or execution is None:
        return
    steps = _Steps(call, execution, state)
    steps.take(steps.run.go_on(state, call.now_ms, chance_of(call)))
    steps.keep()


def stop(call: WriteCall, execution_id: str, error: str | None, cause: str | None) -> None:
    """Abort an execution; nothing happens where it is over."""
    tell(call, execution_id, Stopped(error, cause))


def forget_task(call: WriteCall, execution_id: str, task_id: int) -> None:
    """Nobody waits for a task any longer."""
    task = store.task(call, execution_id, task_id)
    if task is None:
        return
    store.delete_task(call, execution_id, task_id)
    if task.due:
        store.delete_due(call, task.due)
    for what, length_ms in ((TIMEOUT, task.timeout_ms), (HEARTBEAT, task.heartbeat_ms)):
        if length_ms is not None:
            call.cancel_timer(TASK_TIMER, f"{execution_id}/{task_id}/{what}")
    if task.child:
        # First of all nobody waits for it: its end is not to be told to whom it ends for.
        store.delete_parent(call, task.child, execution_id, task_id)
        stop(call, task.child, None, None)


def _submitted(call: WriteCall, execution_id: str, happened: TaskSubmitted) -> None:
    """What a task asks for was accepted: its token ends it, or the execution that it began."""
    task = store.task(call, execution_id, happened.task_id)
    if task is None:
        return
    store.delete_due(call, task.due)
    task.due, task.is_submitted = 0, True
    is_awaited = nesting.is_awaited(parse_resource(task.arn))
    if is_awaited:
        task.child = nesting.child_of(happened.output)
        store.put_parent(call, task.child, execution_id, happened.task_id)
    store.put_task(call, execution_id, happened.task_id, task)
    child = store.execution(call, task.child) if is_awaited else None
    if child is not None and child.status != RUNNING:
        report(call, child)


def report(call: WriteCall, child: Execution) -> None:
    """Tell the tasks that wait for an execution that it is over."""
    for execution_id, task_id in store.parents(call, child.id):
        store.delete_parent(call, child.id, execution_id, task_id)
        task = store.task(call, execution_id, task_id)
        if task is not None:
            resource = parse_resource(task.arn)
            tell(call, execution_id, nesting.outcome(call, child, resource, task_id))


def set_task_timer(
    call: WriteCall, execution_id: str, task_id: int, what: str, length_ms: int | None
) -> None:
    """Let a task time out, as a whole or because nothing is heard of it."""
    if length_ms is None:
        return
    call.set_timer(
        Timer(
            name=TASK_TIMER,
            key=f"{execution_id}/{task_id}/{what}",
            at_ms=call.now_ms + length_ms,
            payload={"execution": execution_id, "task": task_id, "what": what},
        )
    )


# -- tokens and chance -----------------------------------------------------------------------------


def make_token(call: Call, execution_id: str, task_id: int) -> str:
    """The token that answers a task: the same at every look, and nobody else's to make."""
    return seal(call, msgspec.msgpack.encode((execution_id, task_id)))


def token_task(call: Call, token: str) -> tuple[str, int] | None:
    """The execution and task that a token answers; None for no token of this room."""
    content = unseal(call, token)
    return None if content is None else msgspec.msgpack.decode(content, type=tuple[str, int])


def _tokens(call: Call) -> Callable[[str, int], str]:
    prefix = len(execution_arn(call, ""))
    return lambda arn, number: make_token(call, arn[prefix:], number)


def chance_of(call: Call) -> Callable[[], float]:
    """Numbers from 0 up to 1, of the call's chance."""
    return lambda: (
        (int.from_bytes(call.random_bytes(8)) >> (64 - _CHANCE_BITS)) / (1 << _CHANCE_BITS)
    )
