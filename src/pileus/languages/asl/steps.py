"""What each type of state does when a branch is in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pileus.languages.asl.commands import Schedule
from pileus.languages.asl.errors import StateFailure, runtime
from pileus.languages.asl.events import WHOLE
from pileus.languages.asl.json_text import encode
from pileus.languages.asl.leaving import (
    begin_branch,
    effective_input,
    leave,
    leave_with,
    leave_without,
    made_output,
)
from pileus.languages.asl.maps import start_map
from pileus.languages.asl.run_state import COMPLETE, ENTER, WAITING, Branch, Join
from pileus.languages.asl.states import Resource, State
from pileus.languages.asl.turn import Turn

Work = Callable[[Turn, Branch, State], bool]


def step(turn: Turn, branch: Branch) -> bool:
    """Let a branch do what it is about to do; whether it goes on.

    Raises:
        StateFailure: its state fails.
    """
    state = turn.program.blocks[branch.block].states[branch.state]
    turn.branch = branch
    if branch.phase == ENTER:
        details = {"name": branch.state, "input": branch.text, "inputDetails": WHOLE}
        branch.entered_id = turn.emit(branch, state.entered, details)
        branch.entered_ms = turn.now_ms
    elif branch.phase == COMPLETE:
        return _complete(turn, branch, state)
    branch.phase = WAITING
    return _WORK[state.type](turn, branch, state)


def _pass(turn: Turn, branch: Branch, state: State) -> bool:
    if state.is_jsonata:
        return leave_without(turn, branch, state, state.next)
    return leave_with(
        turn,
        branch,
        state,
        state.result if state.has_result else effective_input(turn, branch, state),
    )


def _succeed(turn: Turn, branch: Branch, state: State) -> bool:
    return leave_without(turn, branch, state, None)


def _choice(turn: Turn, branch: Branch, state: State) -> bool:
    raw = branch.input
    data = raw
    parts: dict[str, Any] = {"input": raw}
    if not state.is_jsonata and state.input is not None:
        data = state.input(raw, turn)
    seen = parts if state.is_jsonata else data
    for rule in state.choices:
        if not (rule.test is None or rule.test(seen, turn)):
            continue
        if state.is_jsonata:
            return leave(
                turn, branch, made_output(turn, parts, rule.output, rule.assign, raw), rule.next
            )
        assigned = None if rule.assign is None else rule.assign(data, turn)
        value = data if state.output_path is None else state.output_path(data, turn)
        return leave(turn, branch, (value, assigned), rule.next)
    raise runtime(
        "Failed to transition out of the state. The state does not point to a next state."
    )


def _wait(turn: Turn, branch: Branch, state: State) -> bool:
    assert state.wait is not None
    data: Any = {"input": branch.input}
    if not state.is_jsonata:
        data = branch.input if state.input is None else state.input(branch.input, turn)
    turn.wake_at(branch, state.wait(data, turn))
    return False


def _fail(turn: Turn, branch: Branch, state: State) -> bool:
    data: Any = {"input": branch.input} if state.is_jsonata else branch.input
    error = None if state.error is None else state.error(data, turn)
    cause = None if state.cause is None else state.cause(data, turn)
    raise Failing(error, cause)


class Failing(StateFailure):
    """A Fail state: both its error and its cause may be missing."""

    def __init__(self, error: str | None, cause: str | None) -> None:
        super().__init__(error or "", cause, is_located=False)


def _task(turn: Turn, branch: Branch, state: State) -> bool:
    resource = state.resource
    assert resource is not None
    token = turn.next_token() if resource.pattern == "waitForTaskToken" else ""
    arguments = encode(effective_input(turn, branch, state))
    turn.check_size(arguments, branch.state)
    seen: Any = {"input": branch.input}
    if not state.is_jsonata:
        seen = branch.input if state.input is None else state.input(branch.input, turn)
    timeout_s = None if state.timeout is None else state.timeout(seen, turn)
    heartbeat_s = None if state.heartbeat is None else state.heartbeat(seen, turn)
    credentials = None if state.credentials is None else state.credentials(seen, turn)
    details = _scheduled(turn, resource, arguments)
    if timeout_s is not None:
        details["timeoutInSeconds"] = timeout_s
    if heartbeat_s is not None and resource.kind != "lambda":
        details["heartbeatInSeconds"] = heartbeat_s
    if credentials is not None:
        details["taskCredentials"] = {"roleArn": credentials.get("RoleArn")}
    number = turn.emit(branch, _SCHEDULED[resource.kind], details)
    branch.task_id = number
    turn.state.tasks[number] = branch.id
    turn.commands.append(
        Schedule(number, resource, arguments, _ms(timeout_s), _ms(heartbeat_s), credentials, token)
    )
    return False


_SCHEDULED: Final = {
    "lambda": "LambdaFunctionScheduled",
    "activity": "ActivityScheduled",
    "integration": "TaskScheduled",
}


def _ms(seconds: int | None) -> int | None:
    return None if seconds is None else seconds * 1000


def _scheduled(turn: Turn, resource: Resource, arguments: str) -> dict[str, Any]:
    if resource.kind == "integration":
        return {
            "resourceType": resource.service,
            "resource": resource.action,
            "region": turn.state.context.region,
            "parameters": arguments,
        }
    return {"resource": resource.arn, "input": arguments, "inputDetails": WHOLE}


def _parallel(turn: Turn, branch: Branch, state: State) -> bool:
    data = effective_input(turn, branch, state)
    text = branch.text if data is branch.input else encode(data)
    turn.check_size(text, branch.state)
    started = turn.emit(branch, "ParallelStateStarted")
    branch.join = Join(started, [None] * len(state.blocks), len(state.blocks))
    ready = turn.state.ready
    at = len(ready)
    for block in state.blocks:
        begin_branch(turn, branch, block, data, text)
    # The next one to run stands last.
    ready[at:] = reversed(ready[at:])
    return False


def _complete(turn: Turn, branch: Branch, state: State) -> bool:
    join = branch.join
    assert join is not None
    # The exit follows what the success followed; a failure now follows the success.
    turn.exit_after = branch.previous
    turn.emit(branch, f"{state.type}StateSucceeded")
    branch.join = None
    branch.phase = WAITING
    return leave_with(turn, branch, state, join.results)


_WORK: Final[dict[str, Work]] = {
    "Pass": _pass,
    "Task": _task,
    "Choice": _choice,
    "Wait": _wait,
    "Succeed": _succeed,
    "Fail": _fail,
    "Parallel": _parallel,
    "Map": start_map,
}
