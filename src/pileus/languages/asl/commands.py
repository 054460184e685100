"""What an execution asks of the world, and what the world tells it."""

from __future__ import annotations

from typing import Any

import msgspec

from pileus.languages.asl.states import Resource


class Schedule(msgspec.Struct, frozen=True, tag=True):
    """Do a task.

    Attributes:
        task_id: the number of the event that scheduled it: stable, and new for each attempt.
        arguments: what to hand over, as JSON.
        timeout_ms: how long it may take; None for no bound of its own.
        heartbeat_ms: how long it may be silent.
        credentials: of the Task's ``Credentials``, None without.
        token: what answers a task of the pattern ``waitForTaskToken``, else "".
    """

    task_id: int
    resource: Resource
    arguments: str
    timeout_ms: int | None = None
    heartbeat_ms: int | None = None
    credentials: dict[str, Any] | None = None
    token: str = ""


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """Nobody waits for a task any longer."""

    task_id: int


class WakeAt(msgspec.Struct, frozen=True, tag=True):
    """Tell ``Woken(timer_id)`` at a time."""

    timer_id: int
    at_ms: int


class CancelWake(msgspec.Struct, frozen=True, tag=True):
    """Forget a timer."""

    timer_id: int


class StartMapRun(msgspec.Struct, frozen=True, tag=True):
    """Begin the child executions of a distributed Map; ``Run.child_inputs`` makes their inputs.

    Attributes:
        map_id: the number of the MapStateStarted event.
        state: the Map's name.
        block: the processor's number in the program, which the children begin with.
        execution_type: of the children.
        concurrency: children at a time, 0 for as many as allowed.
        items: the array, None where ``reader`` is to be asked.
        reader, writer: ``ItemReader`` and ``ResultWriter``, their arguments filled in.
        items_max: how many items are read at most, None for all.
        tolerated_count, tolerated_percentage: how many children may fail; None for none.
    """

    map_id: int
    state: str
    block: int
    execution_type: str
    concurrency: int = 0
    items: list[Any] | None = None
    reader: dict[str, Any] | None = None
    items_max: int | None = None
    writer: dict[str, Any] | None = None
    tolerated_count: int | None = None
    tolerated_percentage: float | None = None
    label: str | None = None


class CancelMapRun(msgspec.Struct, frozen=True, tag=True):
    """Stop a distributed Map's children."""

    map_id: int


Command = Schedule | Cancel | WakeAt | CancelWake | StartMapRun | CancelMapRun


class TaskStarted(msgspec.Struct, frozen=True, tag=True):
    """A worker has it; ``worker`` for activities."""

    task_id: int
    worker: str | None = None


class TaskSubmitted(msgspec.Struct, frozen=True, tag=True):
    """What it asks for was accepted and goes on elsewhere; ``output`` is the answer as JSON."""

    task_id: int
    output: str


class TaskSucceeded(msgspec.Struct, frozen=True, tag=True):
    """It is done; ``output`` is JSON."""

    task_id: int
    output: str


class TaskFailed(msgspec.Struct, frozen=True, tag=True):
    """It failed.

    Attributes:
        phase: ``""`` while it ran, else ``Schedule``, ``Start`` or ``Submit``.
    """

    task_id: int
    error: str | None = None
    cause: str | None = None
    phase: str = ""


class TaskTimedOut(msgspec.Struct, frozen=True, tag=True):
    """It took too long, or was silent too long."""

    task_id: int
    is_heartbeat: bool = False
    cause: str | None = None


class Woken(msgspec.Struct, frozen=True, tag=True):
    """A timer's time has come."""

    timer_id: int


class Stopped(msgspec.Struct, frozen=True, tag=True):
    """Somebody stops the execution."""

    error: str | None = None
    cause: str | None = None


class MapRunStarted(msgspec.Struct, frozen=True, tag=True):
    """The run has a name now."""

    map_id: int
    arn: str


class MapRunSucceeded(msgspec.Struct, frozen=True, tag=True):
    """All children are through, or as many as are enough; ``output`` is the Map's result as JSON."""

    map_id: int
    output: str


class MapRunFailed(msgspec.Struct, frozen=True, tag=True):
    """Too many children failed, or the items could not be read."""

    map_id: int
    error: str
    cause: str | None = None


Happened = (
    TaskStarted
    | TaskSubmitted
    | TaskSucceeded
    | TaskFailed
    | TaskTimedOut
    | Woken
    | Stopped
    | MapRunStarted
    | MapRunSucceeded
    | MapRunFailed
)
