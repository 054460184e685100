"""What the world tells, applied to the branch that waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pileus.languages.asl.commands import (
    Happened,
    MapRunFailed,
    MapRunStarted,
    MapRunSucceeded,
    Stopped,
    TaskFailed,
    TaskStarted,
    TaskSubmitted,
    TaskSucceeded,
    TaskTimedOut,
    Woken,
)
from pileus.languages.asl.errors import HEARTBEAT_TIMEOUT, TIMEOUT, StateFailure, runtime
from pileus.languages.asl.events import WHOLE
from pileus.languages.asl.failures import end, fail
from pileus.languages.asl.json_text import decode
from pileus.languages.asl.leaving import leave_with, leave_without
from pileus.languages.asl.run_state import ATTEMPT, ROOT, Branch
from pileus.languages.asl.states import Resource
from pileus.languages.asl.turn import Turn

_PREFIXES: Final = {"lambda": "LambdaFunction", "activity": "Activity", "integration": "Task"}


def take(turn: Turn, happened: Happened) -> bool:
    """Apply what has happened; whether anybody waited for it."""
    if isinstance(happened, Stopped):
        return _stop(turn, happened)
    if isinstance(happened, Woken):
        return _wake(turn, happened)
    if isinstance(happened, MapRunStarted | MapRunSucceeded | MapRunFailed):
        return _map_run(turn, happened)
    number = turn.state.tasks.get(happened.task_id)
    if number is None:
        return False
    branch = turn.branch = turn.state.branches[number]
    resource = turn.state_of(branch).resource
    assert resource is not None
    try:
        _TAKE[type(happened)](turn, branch, resource, happened)
    except StateFailure as failure:
        _go_on(turn, branch, fail(turn, branch, failure))
    return True


def _go_on(turn: Turn, branch: Branch, goes_on: bool) -> None:
    if goes_on:
        turn.state.ready.append(branch.id)


def _details(resource: Resource, **others: Any) -> dict[str, Any]:
    """The details of a task's event: those of integrations name it."""
    found = {name: value for name, value in others.items() if value is not None}
    if resource.kind == "integration":
        return {"resourceType": resource.service, "resource": resource.action, **found}
    return found


def _event(resource: Resource, what: str) -> str:
    return f"{_PREFIXES[resource.kind]}{what}"


def _started(turn: Turn, branch: Branch, resource: Resource, happened: TaskStarted) -> None:
    details = _details(resource, workerName=happened.worker) if resource.kind != "lambda" else None
    turn.emit(branch, _event(resource, "Started"), details)


def _submitted(turn: Turn, branch: Branch, resource: Resource, happened: TaskSubmitted) -> None:
    details = _details(resource, output=happened.output, outputDetails=WHOLE)
    turn.emit(branch, _event(resource, "Submitted"), details)


def _done(turn: Turn, branch: Branch) -> None:
    turn.state.tasks.pop(branch.task_id, None)
    branch.task_id = 0


def _succeeded(turn: Turn, branch: Branch, resource: Resource, happened: TaskSucceeded) -> None:
    _done(turn, branch)
    try:
        turn.check_size(happened.output, resource.told)
    except StateFailure as failure:
        told = _details(resource, error=failure.error, cause=failure.cause)
        turn.emit(branch, _event(resource, "Failed"), told)
        raise
    details = _details(resource, output=happened.output, outputDetails=WHOLE)
    turn.emit(branch, _event(resource, "Succeeded"), details)
    state = turn.state_of(branch)
    try:
        result = decode(happened.output)
    except ValueError as error:
        raise runtime(f"The result is no JSON: {error}") from None
    _go_on(turn, branch, leave_with(turn, branch, state, result))


def _failed(turn: Turn, branch: Branch, resource: Resource, happened: TaskFailed) -> None:
    _done(turn, branch)
    details = _details(resource, error=happened.error, cause=happened.cause)
    turn.emit(branch, _event(resource, f"{happened.phase}Failed"), details)
    raise StateFailure(happened.error or "", happened.cause, is_located=False)


def _timed_out(turn: Turn, branch: Branch, resource: Resource, happened: TaskTimedOut) -> None:
    _done(turn, branch)
    details = _details(resource, error=TIMEOUT, cause=happened.cause)
    turn.emit(branch, _event(resource, "TimedOut"), details)
    missed = HEARTBEAT_TIMEOUT if happened.is_heartbeat else None
    raise StateFailure(TIMEOUT, happened.cause, location=missed, is_located=False)


_TAKE: Final[dict[type, Callable[[Turn, Branch, Resource, Any], None]]] = {
    TaskStarted: _started,
    TaskSubmitted: _submitted,
    TaskSucceeded: _succeeded,
    TaskFailed: _failed,
    TaskTimedOut: _timed_out,
}


def _wake(turn: Turn, happened: Woken) -> bool:
    state = turn.state
    if happened.timer_id == state.deadline_timer and state.deadline_timer:
        state.deadline_timer = 0
        end(turn, state.branches[ROOT], "TIMED_OUT", "ExecutionTimedOut", {})
        return True
    number = state.timers.pop(happened.timer_id, None)
    if number is None:
        return False
    branch = turn.branch = state.branches[number]
    branch.timer_id = 0
    at = turn.state_of(branch)
    if at.type != "Wait":
        branch.phase = ATTEMPT
        _go_on(turn, branch, True)
        return True
    try:
        _go_on(turn, branch, leave_without(turn, branch, at, at.next))
    except StateFailure as failure:
        _go_on(turn, branch, fail(turn, branch, failure))
    return True


def _stop(turn: Turn, happened: Stopped) -> bool:
    details = {"error": happened.error, "cause": happened.cause}
    told = {name: value for name, value in details.items() if value is not None}
    end(turn, turn.state.branches[ROOT], "ABORTED", "ExecutionAborted", told)
    return True


def _map_run(turn: Turn, happened: MapRunStarted | MapRunSucceeded | MapRunFailed) -> bool:
    number = turn.state.runs.get(happened.map_id)
    if number is None:
        return False
    branch = turn.branch = turn.state.branches[number]
    if isinstance(happened, MapRunStarted):
        turn.emit(branch, "MapRunStarted", {"mapRunArn": happened.arn})
        return True
    del turn.state.runs[happened.map_id]
    branch.join = None
    try:
        if isinstance(happened, MapRunFailed):
            details = {"error": happened.error, "cause": happened.cause}
            turn.emit(
                branch,
                "MapRunFailed",
                {name: each for name, each in details.items() if each is not None},
            )
            raise StateFailure(happened.error, happened.cause, is_located=False)
        # The state's exit follows the run's beginning, in AWS's counting.
        turn.exit_after = branch.previous
        turn.emit(branch, "MapRunSucceeded")
        turn.emit(branch, "MapStateSucceeded")
        _go_on(
            turn, branch, leave_with(turn, branch, turn.state_of(branch), decode(happened.output))
        )
    except StateFailure as failure:
        _go_on(turn, branch, fail(turn, branch, failure))
    return True
