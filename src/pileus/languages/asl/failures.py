"""What becomes of a state that fails: tried again, caught, or its execution's end.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

from __future__ import annotations

from typing import Any

from pileus.languages.asl.errors import (
    ALL,
    HEARTBEAT_TIMEOUT,
    RUNTIME,
    TASK_FAILED,
    TIMEOUT,
    StateFailure,
)
from pileus.languages.asl.leaving import leave, made_output
from pileus.languages.asl.run_state import ATTEMPT, WAITING, Branch
from pileus.languages.asl.states import Catcher, Retrier, State
from pileus.languages.asl.turn import Turn

_JOINS = ("Parallel", "Map")
_WITH_ABORT = ("Task", "Wait", "Parallel", "Map")


def fail(turn: Turn, branch: Branch, failure: StateFailure) -> bool:
    """Deal with a failure; whether the branch itself goes on.

    An ancestor that catches it, or tries again, is made ready.
    """
    failing: Branch | None = branch
    turn.exit_after = 0
    while failing is not None:
        turn.branch = failing
        state = turn.state_of(failing)
        failure = _located(turn, failing, failure)
        if failure.error == RUNTIME:
            end_failed(turn, failing, failure)
            return False
        if _tries_again(turn, failing, state, failure):
            goes_on = failing.phase == ATTEMPT
        else:
            before = failing.previous
            if state.type in _JOINS:
                turn.emit(failing, f"{state.type}StateFailed")
            caught = _catch(turn, failing, state, failure, before)
            if isinstance(caught, StateFailure):
                failure = caught
                failing = _parent_of(turn, failing, failure)
                continue
            goes_on = caught
        if failing is branch:
            return goes_on
        if goes_on:
            turn.state.ready.append(failing.id)
        return False
    return False


def _located(turn: Turn, branch: Branch, failure: StateFailure) -> StateFailure:
    """The failure with the state's name in its cause, and its EvaluationFailed event written."""
    if not failure.is_located:
        return failure
    cause = (
        f"An error occurred while executing the state '{branch.state}' (entered at the event id "
        f"#{branch.entered_id}). {failure.cause}"
    )
    if failure.location is not None:
        details = {
            "error": failure.error,
            "cause": cause,
            "location": failure.location,
            "state": branch.state,
        }
        turn.emit(branch, "EvaluationFailed", details)
    return StateFailure(failure.error, cause, location=failure.location, is_located=False)


def _matches(errors: frozenset[str], failure: StateFailure) -> bool:
    if failure.error in errors or ALL in errors:
        return True
    if failure.error == TIMEOUT:
        return failure.location == HEARTBEAT_TIMEOUT and HEARTBEAT_TIMEOUT in errors
    return TASK_FAILED in errors


def _tries_again(turn: Turn, branch: Branch, state: State, failure: StateFailure) -> bool:
    for at, retrier in enumerate(state.retriers):
        if not _matches(retrier.errors, failure):
            continue
        retries = branch.retries = branch.retries or {}
        used = retries.get(at, 0)
        if used >= retrier.attempts_max:
            return False
        retries[at] = used + 1
        branch.retry_count += 1
        delay_ms = _delay_ms(retrier, used, turn)
        branch.join = None
        if delay_ms:
            branch.phase = WAITING
            turn.wake_at(branch, turn.now_ms + delay_ms)
        else:
            branch.phase = ATTEMPT
        return True
    return False


def _delay_ms(retrier: Retrier, used: int, turn: Turn) -> int:
    delay_s: float
    try:
        delay_s = retrier.interval_s * retrier.backoff**used
    except OverflowError:
        delay_s = 99_999_999
    delay_s = min(delay_s, retrier.delay_max_s or 99_999_999)
    return round(delay_s * 1000 * (turn.chance() if retrier.has_jitter else 1))


def _catch(
    turn: Turn, branch: Branch, state: State, failure: StateFailure, before: int
) -> bool | StateFailure:
    """Leave by the catcher that matches; whether the branch goes on, or the failure that is left."""
    catcher = next((each for each in state.catchers if _matches(each.errors, failure)), None)
    if catcher is None:
        return failure
    branch.join = None
    try:
        return leave(turn, branch, _caught(turn, branch, state, catcher, failure), catcher.next)
    except StateFailure as second:
        # The catcher's own failure is told after what was there before the state failed.
        branch.previous = before if second.location is not None else branch.previous
        second = _located(turn, branch, second)
        if state.type in _JOINS:
            turn.emit(branch, f"{state.type}StateFailed")
        return second


def _caught(
    turn: Turn, branch: Branch, state: State, catcher: Catcher, failure: StateFailure
) -> tuple[Any, dict[str, Any] | None]:
    output = {"Error": failure.error, "Cause": failure.cause or ""}
    if state.is_jsonata:
        parts = {"input": branch.input, "errorOutput": output}
        return made_output(turn, parts, catcher.output, catcher.assign, output)
    assigned = None if catcher.assign is None else catcher.assign(output, turn)
    return (output if catcher.merge is None else catcher.merge(branch.input, output)), assigned


def _parent_of(turn: Turn, branch: Branch, failure: StateFailure) -> Branch | None:
    """The branch above one that failed for good, with all others below it ended; None at the top."""
    if branch.parent < 0:
        end_failed(turn, branch, failure)
        return None
    if failure.error == RUNTIME:
        end_failed(turn, branch, failure)
        return None
    parent = turn.state.branches[branch.parent]
    at = parent.previous = branch.previous
    if branch.index >= 0:
        turn.emit_aside(parent, "MapIterationFailed", {"name": parent.state, "index": branch.index})
    if turn.state_of(branch).type == "Task":
        turn.emit_aside(parent, "TaskStateAborted")
    _drop(turn, branch)
    for sibling in _children(turn, parent):
        _abort(turn, parent, sibling)
    parent.previous = at
    parent.join = None
    ready = turn.state.ready
    ready[:] = [number for number in ready if number in turn.state.branches]
    return parent


def _drop(turn: Turn, branch: Branch) -> None:
    turn.state.branches.pop(branch.id, None)


def _children(turn: Turn, branch: Branch) -> list[Branch]:
    return [each for each in turn.state.branches.values() if each.parent == branch.id]


def _abort(turn: Turn, parent: Branch, branch: Branch) -> None:
    """End a branch and all below it; the events follow the one that ``parent`` stands at."""
    if branch.index >= 0:
        name = turn.state.branches[branch.parent].state
        turn.emit_aside(parent, "MapIterationAborted", {"name": name, "index": branch.index})
    for child in _children(turn, branch):
        _abort(turn, parent, child)
    kind = turn.state_of(branch).type
    if kind in _WITH_ABORT and branch.entered_id:
        turn.emit_aside(parent, f"{kind}StateAborted")
    turn.release(branch)
    _drop(turn, branch)


def end_failed(turn: Turn, branch: Branch, failure: StateFailure) -> None:
    """End the execution: it has failed."""
    details: dict[str, Any] = {}
    if failure.error:
        details["error"] = failure.error
    if failure.cause is not None:
        details["cause"] = failure.cause
    end(turn, branch, "FAILED", "ExecutionFailed", details)


def end(turn: Turn, branch: Branch, status: str, kind: str, details: dict[str, Any]) -> None:
    """End the execution with an event, and forget all that was waited for."""
    for each in turn.state.branches.values():
        turn.release(each)
    turn.state.status = status
    turn.emit_last(branch, kind, details)
