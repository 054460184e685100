"""How a Map state begins."""

from __future__ import annotations

from typing import Any

from pileus.languages.asl.commands import StartMapRun
from pileus.languages.asl.frames import Reader
from pileus.languages.asl.json_text import encode, size_bytes
from pileus.languages.asl.leaving import begin_iteration, effective_input
from pileus.languages.asl.run_state import COMPLETE, Branch, Join
from pileus.languages.asl.states import Mapping, State
from pileus.languages.asl.turn import Turn


def start_map(turn: Turn, branch: Branch, state: State) -> bool:
    """Begin the iterations, or the run, of a Map state; whether its branch goes on.

    Raises:
        StateFailure: there is no array, or an iteration's input cannot be made.
    """
    mapping = state.mapping
    assert mapping is not None
    data = effective_input(turn, branch, state)
    seen: Any = {"input": branch.input} if state.is_jsonata else data
    items = None if mapping.items is None else mapping.items(seen, turn)
    concurrency = 0 if mapping.concurrency is None else mapping.concurrency(seen, turn)
    if mapping.distribution is not None:
        return _start_run(turn, branch, mapping, seen, (items, concurrency))
    assert items is not None
    inputs = _inputs(turn, mapping, items, seen)
    if mapping.batch_size is not None or mapping.batch_bytes is not None:
        items = inputs = _batches(turn, mapping, items if inputs is None else inputs, seen)
    started = turn.emit(branch, "MapStateStarted", {"length": len(items)})
    join = branch.join = Join(
        started, [None] * len(items), len(items), items, inputs, kind="iterations"
    )
    if not items:
        branch.phase = COMPLETE
        return True
    most = turn.limits.inline_concurrency
    at_once = min(concurrency or most, most, len(items))
    ready = turn.state.ready
    at = len(ready)
    for _ in range(at_once):
        begin_iteration(turn, branch, join, started)
    # The next one to run stands last.
    ready[at:] = reversed(ready[at:])
    return False


def _inputs(
    turn: Turn, mapping: Mapping, items: list[Any], seen: Any, first: int = 0
) -> list[Any] | None:
    if mapping.selector is None:
        return None
    inputs = []
    try:
        for at, item in enumerate(items, first):
            turn.item = (at, item)
            inputs.append(mapping.selector(seen, turn))
    finally:
        turn.item = None
    return inputs


def _batches(turn: Turn, mapping: Mapping, items: list[Any], seen: Any) -> list[Any]:
    size = mapping.batch_size(seen, turn) if mapping.batch_size is not None else 0
    most = mapping.batch_bytes(seen, turn) if mapping.batch_bytes is not None else 0
    shared = {} if mapping.batch_input is None else {"BatchInput": mapping.batch_input(seen, turn)}
    batches: list[Any] = []
    batch: list[Any] = []
    filled = 0
    for item in items:
        length = size_bytes(encode(item)) if most else 0
        if batch and ((size and len(batch) >= size) or (most and filled + length > most)):
            batches.append({"Items": batch, **shared})
            batch, filled = [], 0
        batch.append(item)
        filled += length
    if batch:
        batches.append({"Items": batch, **shared})
    return batches


def _start_run(
    turn: Turn, branch: Branch, mapping: Mapping, seen: Any, given: tuple[list[Any] | None, int]
) -> bool:
    distribution = mapping.distribution
    assert distribution is not None
    items, concurrency = given
    command = StartMapRun(
        turn.state.last_event + 1,
        branch.state,
        mapping.block,
        distribution.execution_type,
        concurrency,
        items,
        _read(turn, distribution.reader, seen),
        _read(turn, distribution.items_max, seen),
        _read(turn, distribution.writer, seen),
        _read(turn, distribution.tolerated_count, seen),
        _read(turn, distribution.tolerated_percentage, seen),
        distribution.label,
    )
    started = turn.emit(branch, "MapStateStarted", {"length": len(items or ())})
    branch.join = Join(started, [], 1, kind="run")
    turn.state.runs[started] = branch.id
    turn.commands.append(command)
    return False


def _read(turn: Turn, reader: Reader | None, seen: Any) -> Any:
    return None if reader is None else reader(seen, turn)


def child_inputs(turn: Turn, map_id: int, first: int, items: list[Any]) -> list[str]:
    """The inputs of children of a distributed Map, as JSON; fewer than the items where they are
    batched.

    Args:
        first: the index of the first of the items.
    Raises:
        StateFailure: an input cannot be made.
        KeyError: there is no such run.
    """
    branch = turn.branch = turn.state.branches[turn.state.runs[map_id]]
    state = turn.state_of(branch)
    mapping = state.mapping
    assert mapping is not None
    seen: Any = (
        {"input": branch.input} if state.is_jsonata else effective_input(turn, branch, state)
    )
    inputs = _inputs(turn, mapping, items, seen, first)
    found = items if inputs is None else inputs
    if mapping.batch_size is not None or mapping.batch_bytes is not None:
        found = _batches(turn, mapping, found, seen)
    return [encode(each) for each in found]
