"""Where durable executions lie.

``durable, id``                       Execution
``durable_name, function, name``      id
``durable_at, function, start, id``   for lists in order of start
``durable_op, id, number``            Operation
``durable_op_id, id, operation``      number
``durable_change, id, change``        number of the operation that changed last with it
``durable_waiting, id, number``       operations that wait for a time, a callback or another function
``durable_event, id, number``         HistoryEvent
``durable_active, function, id``      of every execution with the status ``RUNNING``
``durable_running, id``               an invocation is in progress
``durable_due, kind, function, item`` Due: work for ``invoking``
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.records import RecordCodec
from pileus.services.lambda_.durable.model import (
    RUNNING,
    UNFINISHED,
    Due,
    Execution,
    HistoryEvent,
    Operation,
    Payload,
)
from pileus.values.keys import Key

EXECUTIONS = RecordCodec(Execution)
OPERATIONS = RecordCodec(Operation)
EVENTS = RecordCodec(HistoryEvent)
DUE = RecordCodec(Due)
DUE_KEY: Key = ("durable_due",)
"""Woken whenever there is new work."""
INVOKE, CHAIN, REMOVE, LETTER = "invoke", "chain", "remove", "letter"
_WAITING_TYPES = {
    ("STEP", "PENDING"),
    ("WAIT", "STARTED"),
    ("CALLBACK", "STARTED"),
    ("CHAINED_INVOKE", "STARTED"),
}


def find(call: ReadCall, execution_id: str) -> Execution | None:
    raw = call.state.get(("durable", execution_id))
    return None if raw is None else EXECUTIONS.decode(raw)


def put(call: WriteCall, execution: Execution) -> None:
    call.state.put(("durable", execution.id), EXECUTIONS.encode(execution))


def put_new(call: WriteCall, execution: Execution) -> None:
    """The same for the first time, with what lists and names need."""
    put(call, execution)
    at = ("durable_at", execution.function, execution.started_ms, execution.id)
    call.state.put(at, b"")
    named = ("durable_name", execution.function, execution.name)
    call.state.put(named, execution.id.encode())


def set_active(call: WriteCall, execution: Execution) -> None:
    """Keep in mind which executions are running, for the metric that counts them."""
    key = ("durable_active", execution.function, execution.id)
    if execution.status == RUNNING:
        call.state.put(key, b"")
    else:
        call.state.delete(key)


def active_counts(call: ReadCall) -> Counter[str]:
    """How many executions of each function are running."""
    return Counter(str(key[1]) for key, _ in call.state.range(("durable_active",)))


def find_named(call: ReadCall, function: str, name: str) -> Execution | None:
    raw = call.state.get(("durable_name", function, name))
    return None if raw is None else find(call, raw.decode())


def list_ids(call: ReadCall, function: str, *, is_oldest_first: bool) -> list[str]:
    """Ids of a function's executions in order of their starts."""
    rows = call.state.range(("durable_at", function), reverse=not is_oldest_first)
    return [str(key[3]) for key, _ in rows]


# -- operations --------------------------------------------------------------------------------


def operation(call: ReadCall, execution_id: str, number: int) -> Operation | None:
    raw = call.state.get(("durable_op", execution_id, number))
    return None if raw is None else OPERATIONS.decode(raw)


def operation_named(call: ReadCall, execution_id: str, operation_id: str) -> Operation | None:
    raw = call.state.get(("durable_op_id", execution_id, operation_id))
    return None if raw is None else operation(call, execution_id, int(raw))


def operations(call: ReadCall, execution_id: str, start: int = 0) -> Iterator[Operation]:
    """Operations from a number on, in order."""
    prefix = ("durable_op", execution_id)
    for _, raw in call.state.range(prefix, start=(*prefix, start)):
        yield OPERATIONS.decode(raw)


def changed_numbers(call: ReadCall, execution_id: str, seen_change: int) -> list[tuple[int, int]]:
    """Change and number of the operations that changed after ``seen_change``, in that order."""
    prefix = ("durable_change", execution_id)
    rows = call.state.range(prefix, start=(*prefix, seen_change + 1))
    return [(int(key[2]), int(raw)) for key, raw in rows]


def put_operation(call: WriteCall, execution: Execution, changed: Operation) -> None:
    """Store a new or changed operation; the caller stores the execution afterwards."""
    if changed.change:
        call.state.delete(("durable_change", execution.id, changed.change))
    else:
        key = ("durable_op_id", execution.id, changed.id)
        call.state.put(key, str(changed.number).encode())
    execution.change_last += 1
    changed.change = execution.change_last
    change_key = ("durable_change", execution.id, changed.change)
    call.state.put(change_key, str(changed.number).encode())
    waiting = ("durable_waiting", execution.id, changed.number)
    if (changed.type, changed.status) in _WAITING_TYPES:
        call.state.put(waiting, b"")
    else:
        call.state.delete(waiting)
    keep_operation(call, execution.id, changed)


def keep_operation(call: WriteCall, execution_id: str, kept: Operation) -> None:
    """Store an operation whose change nobody needs to be told of."""
    key = ("durable_op", execution_id, kept.number)
    call.state.put(key, OPERATIONS.encode(kept))


def waiting(call: ReadCall, execution_id: str) -> list[Operation]:
    """Operations that wait for something outside of the function."""
    found = []
    for key, _ in call.state.range(("durable_waiting", execution_id)):
        if (one := operation(call, execution_id, int(key[2]))) is not None:
            found.append(one)
    return found


def is_waiting(call: ReadCall, execution_id: str) -> bool:
    """Whether anything outside of the function can let the execution go on."""
    return bool(call.state.range(("durable_waiting", execution_id), limit=1))


def is_ready(call: ReadCall, execution_id: str) -> bool:
    """Whether a step waits for the function to attempt it again."""
    return any(
        one.status == "READY" for one in operations(call, execution_id) if one.status in UNFINISHED
    )


# -- history -----------------------------------------------------------------------------------


def add_event(call: WriteCall, execution: Execution, event: HistoryEvent) -> None:
    """Number an event and store it; the caller stores the execution afterwards."""
    execution.event_last += 1
    event.number = execution.event_last
    call.state.put(("durable_event", execution.id, event.number), EVENTS.encode(event))


def events(
    call: ReadCall, execution_id: str, *, after: int = 0, before: int = 0, limit: int
) -> list[HistoryEvent]:
    """Events after a number, or those before one, the latest first."""
    prefix = ("durable_event", execution_id)
    if before:
        rows = call.state.range(prefix, stop=(*prefix, before), limit=limit, reverse=True)
    else:
        rows = call.state.range(prefix, start=(*prefix, after + 1), limit=limit)
    return [EVENTS.decode(raw) for _, raw in rows]


def payloads(call: ReadCall, execution: Execution) -> list[Payload]:
    """Every payload that an execution's records name."""
    found: list[Payload | None] = [execution.input, execution.result, execution.error]
    for one in operations(call, execution.id):
        found += [one.result, one.error, one.input]
    return [payload for payload in found if payload is not None]


# -- work that is due --------------------------------------------------------------------------


def due(call: ReadCall, kind: str, function: str, item: str) -> Due | None:
    raw = call.state.get((*DUE_KEY, kind, function, item))
    return None if raw is None else DUE.decode(raw)


def put_due(call: WriteCall, kind: str, function: str, item: str, work: Due | None = None) -> None:
    """Let ``invoking`` do something after the commit, or at a time."""
    call.state.put((*DUE_KEY, kind, function, item), DUE.encode(work or Due()))
    call.wake(DUE_KEY)


def delete_due(call: WriteCall, kind: str, function: str, item: str) -> None:
    call.state.delete((*DUE_KEY, kind, function, item))


def all_due(call: ReadCall) -> list[tuple[str, str, str, Due]]:
    """Kind, function and item of all work that waits."""
    return [
        (str(key[1]), str(key[2]), str(key[3]), DUE.decode(raw))
        for key, raw in call.state.range(DUE_KEY)
    ]


def all_running(call: ReadCall) -> list[str]:
    """Executions with an invocation in progress."""
    return [str(key[1]) for key, _ in call.state.range(("durable_running",))]


def set_running(call: WriteCall, execution_id: str, *, is_running: bool) -> None:
    if is_running:
        call.state.put(("durable_running", execution_id), b"")
    else:
        call.state.delete(("durable_running", execution_id))


def delete(call: WriteCall, execution: Execution) -> None:
    """Forget an execution and everything of it."""
    for kind in (
        "durable_op",
        "durable_op_id",
        "durable_change",
        "durable_waiting",
        "durable_event",
    ):
        call.state.delete_range((kind, execution.id))
    at = ("durable_at", execution.function, execution.started_ms, execution.id)
    call.state.delete(at)
    named = ("durable_name", execution.function, execution.name)
    if call.state.get(named) == execution.id.encode():
        call.state.delete(named)
    call.state.delete(("durable", execution.id))
