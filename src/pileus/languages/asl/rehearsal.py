"""Runs a program by itself: time passes at once, and answers stand in for tasks.

For tests of state machines; nothing outside is touched. Timers go off in the order of their times,
a task is answered before the next timer.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec

from pileus.languages.asl.commands import (
    CancelWake,
    Command,
    Happened,
    Schedule,
    StartMapRun,
    TaskFailed,
    TaskStarted,
    TaskSubmitted,
    TaskSucceeded,
    TaskTimedOut,
    WakeAt,
    Woken,
)
from pileus.languages.asl.events import Event
from pileus.languages.asl.json_text import encode
from pileus.languages.asl.run import Advance, Run
from pileus.languages.asl.run_state import ExecutionContext, RunState
from pileus.languages.asl.timestamps import format_timestamp

START_MS: Final = 1_767_225_600_000
"""The first moment of 2026: a rehearsal is the same each time."""
EVENTS_MAX: Final = 25_000


class Answer(msgspec.Struct, frozen=True):
    """What a task answers.

    Attributes:
        result: its output.
        error, cause: of one that fails; ``States.Timeout`` and ``States.HeartbeatTimeout`` are
            given as the time-outs they are.
    """

    result: Any = None
    error: str | None = None
    cause: str | None = None


class Rehearsal(msgspec.Struct):
    """How an execution went.

    Attributes:
        path: the states that were entered, in order.
        duration_ms: the time that passed in it.
        output: as a value.
    """

    status: str
    events: list[Event]
    path: list[str]
    duration_ms: int
    output: str | None = None
    error: str | None = None
    cause: str | None = None


class NoAnswer(Exception):
    """A task for which there is no answer."""


Answers = Callable[[str, Schedule], Answer]
"""The state's name and what it asks for in, the answer out."""


def context_for(name: str = "rehearsal") -> ExecutionContext:
    """A context object of an account that does not exist."""
    arn = "arn:aws:states:us-east-1:000000000000"
    return ExecutionContext(
        f"{arn}:execution:Rehearsed:{name}",
        name,
        "arn:aws:iam::000000000000:role/Rehearsed",
        f"{arn}:stateMachine:Rehearsed",
        "Rehearsed",
        format_timestamp(START_MS),
    )


def rehearse(run: Run, text: str, answers: Answers, chance: Callable[[], float]) -> Rehearsal:
    """Run one execution to its end.

    Args:
        text: its input, JSON.
        chance: gives numbers from 0 up to 1.
    Raises:
        NoAnswer: a task has no answer, or a distributed Map would begin.
        ValueError: the input is no JSON.
    """
    return _Stage(run, answers, chance).play(text)


class _Stage:
    def __init__(self, run: Run, answers: Answers, chance: Callable[[], float]) -> None:
        self._run = run
        self._answers = answers
        self._chance = chance
        self._now_ms = START_MS
        self._timers: list[tuple[int, int]] = []
        self._cancelled: set[int] = set()
        self._told: deque[Happened] = deque()
        self._events: list[Event] = []

    def play(self, text: str) -> Rehearsal:
        state, advance = self._run.begin(text, context_for(), self._now_ms, self._chance)
        self._take(state, advance)
        while not advance.is_finished:
            if advance.is_paused:
                advance = self._run.go_on(state, self._now_ms, self._chance)
            else:
                advance = self._run.resume(state, self._next(), self._now_ms, self._chance)
            self._take(state, advance)
        names = [
            event.details["name"]
            for event in self._events
            if event.type.endswith("Entered") and event.details
        ]
        return Rehearsal(
            advance.status,
            self._events,
            names,
            self._now_ms - START_MS,
            advance.output,
            advance.error,
            advance.cause,
        )

    def _take(self, state: RunState, advance: Advance) -> None:
        self._events += advance.events
        for command in advance.commands:
            self._obey(state, command)

    def _obey(self, state: RunState, command: Command) -> None:
        if isinstance(command, WakeAt):
            heapq.heappush(self._timers, (command.at_ms, command.timer_id))
        elif isinstance(command, CancelWake):
            self._cancelled.add(command.timer_id)
        elif isinstance(command, StartMapRun):
            raise NoAnswer(f"{command.state!r} is a distributed Map, which needs the platform")
        elif isinstance(command, Schedule) and command.task_id in state.tasks:
            name = state.branches[state.tasks[command.task_id]].state
            self._told += _happenings(command, self._answers(name, command))

    def _next(self) -> Happened:
        if self._told:
            return self._told.popleft()
        while self._timers:
            at_ms, timer = heapq.heappop(self._timers)
            if timer not in self._cancelled:
                self._now_ms = max(self._now_ms, at_ms)
                return Woken(timer)
        raise NoAnswer("the execution waits for something that never happens")


def _happenings(command: Schedule, answer: Answer) -> list[Happened]:
    number = command.task_id
    told: list[Happened] = [TaskStarted(number)]
    if command.resource.pattern:
        told.append(TaskSubmitted(number, "{}"))
    if answer.error in ("States.Timeout", "States.HeartbeatTimeout"):
        told.append(TaskTimedOut(number, answer.error == "States.HeartbeatTimeout", answer.cause))
    elif answer.error is not None:
        told.append(TaskFailed(number, answer.error, answer.cause))
    else:
        told.append(TaskSucceeded(number, encode(answer.result)))
    return told
