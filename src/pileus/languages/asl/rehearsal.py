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
    MapRunFailed,
    MapRunStarted,
    MapRunSucceeded,
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
from pileus.languages.asl.errors import StateFailure
from pileus.languages.asl.events import Event
from pileus.languages.asl.json_text import decode, encode
from pileus.languages.asl.run import Advance, Run
from pileus.languages.asl.run_state import ExecutionContext, RunState
from pileus.languages.asl.states import parse_resource
from pileus.languages.asl.timestamps import format_timestamp

START_MS: Final = 1_767_225_600_000
"""The first moment of 2026: a rehearsal is the same each time."""
EXCEEDED: Final = "States.ExceedToleratedFailureThreshold"
_MAP_RUN: Final = "arn:aws:states:us-east-1:000000000000:mapRun:Rehearsed"


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
        output: as JSON.
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
        NoAnswer: a task, or the ItemReader of a distributed Map, has no answer.
        ValueError: the input is no JSON.
    """
    return _Stage(run, answers, chance, START_MS).play(text)


class _Stage:
    def __init__(
        self, run: Run, answers: Answers, chance: Callable[[], float], now_ms: int
    ) -> None:
        self._run = run
        self._answers = answers
        self._chance = chance
        self._began_ms = self._now_ms = now_ms
        self._path: list[str] = []
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
        return Rehearsal(
            advance.status,
            self._events,
            self._path,
            self._now_ms - self._began_ms,
            advance.output,
            advance.error,
            advance.cause,
        )

    def _take(self, state: RunState, advance: Advance) -> None:
        self._events += advance.events
        entered = (each for each in advance.events if each.type.endswith("Entered"))
        self._path += [each.details["name"] for each in entered if each.details]
        for command in advance.commands:
            self._obey(state, command)

    def _obey(self, state: RunState, command: Command) -> None:
        if isinstance(command, WakeAt):
            heapq.heappush(self._timers, (command.at_ms, command.timer_id))
        elif isinstance(command, CancelWake):
            self._cancelled.add(command.timer_id)
        elif isinstance(command, StartMapRun):
            self._told += self._map_run(state, command)
        elif isinstance(command, Schedule) and command.task_id in state.tasks:
            name = state.branches[state.tasks[command.task_id]].state
            self._told += _happenings(command, self._answers(name, command))

    def _map_run(self, state: RunState, command: StartMapRun) -> list[Happened]:
        """Play the children of a distributed Map, all from now on."""
        number = command.map_id
        told: list[Happened] = [MapRunStarted(number, f"{_MAP_RUN}/{command.state}:{number}")]
        items = command.items
        if command.reader is not None:
            answer = self._answers(command.state, _reading(command))
            if answer.error is not None:
                return [*told, MapRunFailed(number, answer.error, answer.cause)]
            items = answer.result if isinstance(answer.result, list) else [answer.result]
        items = (items or [])[: command.items_max]
        try:
            inputs = self._run.child_inputs(state, number, 0, items, self._now_ms, self._chance)
        except StateFailure as failure:
            return [*told, MapRunFailed(number, failure.error, failure.cause)]
        outcomes = [self._child(command, text) for text in inputs]
        self._now_ms = max([self._now_ms, *(self._now_ms + each.duration_ms for each in outcomes)])
        failed = sum(each.status != "SUCCEEDED" for each in outcomes)
        if failed and _is_too_many(command, failed, len(outcomes)):
            cause = "The specified tolerated failure threshold was exceeded"
            return [*told, MapRunFailed(number, EXCEEDED, cause)]
        results = [decode(each.output) for each in outcomes if each.output is not None]
        return [*told, MapRunSucceeded(number, encode(_written(command, results)))]

    def _child(self, command: StartMapRun, text: str) -> Rehearsal:
        run = self._run.for_children(command)
        played = _Stage(run, self._answers, self._chance, self._now_ms).play(text)
        self._path += played.path
        return played

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


def _reading(command: StartMapRun) -> Schedule:
    """What an ItemReader asks for, in the form of a task."""
    reader = command.reader or {}
    arguments = reader.get("Parameters", reader.get("Arguments", {}))
    return Schedule(command.map_id, parse_resource(reader.get("Resource", "")), encode(arguments))


def _is_too_many(command: StartMapRun, failed: int, all_: int) -> bool:
    if command.tolerated_count is None and command.tolerated_percentage is None:
        return True
    is_over_count = command.tolerated_count is not None and failed > command.tolerated_count
    share = command.tolerated_percentage
    return is_over_count or (share is not None and failed * 100 > share * all_)


def _written(command: StartMapRun, results: list[Any]) -> Any:
    """The Map's result: the children's, or where a ResultWriter has put them."""
    if command.writer is None:
        return results
    given = command.writer.get("Parameters", command.writer.get("Arguments", {}))
    key = f"{given.get('Prefix', '')}/{command.map_id}/manifest.json".lstrip("/")
    return {
        "MapRunArn": f"{_MAP_RUN}/{command.state}:{command.map_id}",
        "ResultWriterDetails": {"Bucket": given.get("Bucket"), "Key": key},
    }
