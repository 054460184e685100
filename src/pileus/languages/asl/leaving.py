"""How a branch leaves a state, goes on to the next, or ends."""

from __future__ import annotations

from typing import Any

from pileus.languages.asl.errors import DATA_LIMIT, StateFailure
from pileus.languages.asl.events import WHOLE
from pileus.languages.asl.frames import Reader
from pileus.languages.asl.json_text import encode, size_bytes
from pileus.languages.asl.run_state import COMPLETE, ENTER, Branch, Join
from pileus.languages.asl.states import Assigner, State
from pileus.languages.asl.turn import Turn

MISSING: Any = object()


def effective_input(turn: Turn, branch: Branch, state: State) -> Any:
    """What a state works on: after InputPath and Parameters, or Arguments."""
    if state.is_jsonata:
        raw = branch.input
        return raw if state.arguments is None else state.arguments({"input": raw}, turn)
    data = branch.input if state.input is None else state.input(branch.input, turn)
    return data if state.parameters is None else state.parameters(data, turn)


def leave_with(turn: Turn, branch: Branch, state: State, result: Any) -> bool:
    """Leave a state with its result; whether the branch goes on.

    Raises:
        StateFailure: the output cannot be made.
    """
    if state.is_jsonata:
        parts = {"input": branch.input, "result": result}
        return leave(
            turn, branch, _jsonata(turn, parts, state.output, state.assign, result), state.next
        )
    if state.selector is not None:
        result = state.selector(result, turn)
    assigned = None if state.assign is None else state.assign(result, turn)
    value = result if state.merge is None else state.merge(branch.input, result)
    if state.output_path is not None:
        value = state.output_path(value, turn)
    return leave(turn, branch, (value, assigned), state.next)


def leave_without(turn: Turn, branch: Branch, state: State, next_name: str | None) -> bool:
    """Leave a state that has no result of its own; whether the branch goes on.

    Raises:
        StateFailure: the output cannot be made.
    """
    raw = branch.input
    if state.is_jsonata:
        return leave(
            turn, branch, _jsonata(turn, {"input": raw}, state.output, state.assign, raw), next_name
        )
    data = raw if state.input is None else state.input(raw, turn)
    assigned = None if state.assign is None else state.assign(data, turn)
    value = data if state.output_path is None else state.output_path(data, turn)
    return leave(turn, branch, (value, assigned), next_name)


def _jsonata(
    turn: Turn,
    parts: dict[str, Any],
    output: Reader | None,
    assign: Assigner | None,
    otherwise: Any,
) -> tuple[Any, dict[str, Any] | None]:
    """Output and assigned variables; both see the variables as they were."""
    assigned = None if assign is None else assign(parts, turn)
    return (otherwise if output is None else output(parts, turn)), assigned


def made_output(
    turn: Turn,
    parts: dict[str, Any],
    output: Reader | None,
    assign: Assigner | None,
    otherwise: Any,
) -> tuple[Any, dict[str, Any] | None]:
    """What a JSONata rule or catcher makes: its output, and the variables that it assigns."""
    return _jsonata(turn, parts, output, assign, otherwise)


def leave(
    turn: Turn, branch: Branch, made: tuple[Any, dict[str, Any] | None], next_name: str | None
) -> bool:
    """Leave a state with its output; whether the branch goes on.

    Args:
        made: the output, and the variables that are assigned.
        next_name: of the next state, None to end the branch.
    Raises:
        StateFailure: the output or a variable is too large.
    """
    value, assigned = made
    if value is branch.input:
        text = branch.text
    else:
        text = encode(value)
        turn.check_size(text, branch.state)
    details: dict[str, Any] = {"name": branch.state, "output": text, "outputDetails": WHOLE}
    if assigned:
        details["assignedVariables"] = _assign(turn, branch, assigned)
        details["assignedVariablesDetails"] = WHOLE
    if turn.exit_after:
        branch.previous, turn.exit_after = turn.exit_after, 0
    turn.emit(branch, turn.state_of(branch).exited, details)
    branch.input, branch.text = value, text
    if branch.retries is not None or branch.retry_count:
        branch.retries, branch.retry_count = None, 0
    if next_name is None:
        _end(turn, branch)
        return False
    branch.state, branch.phase = next_name, ENTER
    return True


def _assign(turn: Turn, branch: Branch, assigned: dict[str, Any]) -> dict[str, str]:
    texts = {name: encode(value) for name, value in assigned.items()}
    total = sum(map(size_bytes, texts.values()))
    if total > turn.limits.payload_bytes:
        raise StateFailure(
            DATA_LIMIT,
            f"The state/task '{branch.state}' assigned variables with a size exceeding the maximum "
            "number of bytes service limit.",
            is_located=False,
        )
    branch.variables = {**(branch.variables or {}), **assigned}
    return texts


def _end(turn: Turn, branch: Branch) -> None:
    state = turn.state
    if branch.parent < 0:
        details = {"output": branch.text, "outputDetails": WHOLE}
        state.status = "SUCCEEDED"
        turn.emit_last(branch, "ExecutionSucceeded", details)
        return
    parent = state.branches[branch.parent]
    join = parent.join
    assert join is not None
    number = branch.index if branch.index >= 0 else _position(turn, branch, parent)
    join.results[number] = branch.input
    join.left -= 1
    last = branch.previous
    if join.kind == "iterations":
        turn.emit(branch, "MapIterationSucceeded", {"name": parent.state, "index": branch.index})
    del state.branches[branch.id]
    if join.kind == "iterations" and join.begun < len(join.items):
        begin_iteration(turn, parent, join, last)
    if not join.left:
        parent.previous = branch.previous
        parent.phase = COMPLETE
        state.ready.append(parent.id)


def _position(turn: Turn, branch: Branch, parent: Branch) -> int:
    return turn.state_of(parent).blocks.index(branch.block)


def begin_iteration(turn: Turn, parent: Branch, join: Join, after: int) -> None:
    """Begin the next iteration of a Map.

    Args:
        after: the event that it follows.
    """
    at = join.begun
    join.begun += 1
    value = join.items[at] if join.inputs is None else join.inputs[at]
    mapping = turn.state_of(parent).mapping
    assert mapping is not None
    child = begin_branch(turn, parent, mapping.block, value, encode(value))
    child.previous, child.index, child.item = after, at, join.items[at]
    turn.emit(child, "MapIterationStarted", {"name": parent.state, "index": at})


def begin_branch(turn: Turn, parent: Branch, block: int, value: Any, text: str) -> Branch:
    """A new branch below another, about to enter its first state."""
    state = turn.state
    number = state.last_branch = state.last_branch + 1
    start_at = turn.program.blocks[block].start_at
    child = Branch(number, block, start_at, value, text, parent.previous, parent.id)
    state.branches[number] = child
    state.ready.append(number)
    return child
