"""Where things lie.

``machine, name``                    Machine
``revision, machine, id``            Revision: what executions that run or ran began with
``definition, digest``               the text of a definition
``activity, name``                   Activity
``execution, id``                    Execution
``started, machine, start, name``    for lists in order of start
``live, machine, name``              of every execution that runs
``cursor, id``                       where an execution that runs is (``RunState``)
``history, id, first``               a chunk of events, by the number of its first
``task, id, number``                 Task
``parent, id, execution, number``    a task of another execution that waits for the end of this one
``due, number``                      Due, in the order in which it became so
``activity_task, activity, number``  ``execution id, task number`` that no worker has yet
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.records import RecordCodec
from pileus.languages.asl.events import Event
from pileus.languages.asl.run_state import RunState, decode_state, encode_state
from pileus.services.stepfunctions.limits import LIMITS
from pileus.services.stepfunctions.model import (
    RUNNING,
    Activity,
    Due,
    Execution,
    Machine,
    Revision,
    Task,
)
from pileus.values.keys import Key

_MACHINES = RecordCodec(Machine)
_REVISIONS = RecordCodec(Revision)
_ACTIVITIES = RecordCodec(Activity)
_EXECUTIONS = RecordCodec(Execution)
_TASKS = RecordCodec(Task)
_DUE = RecordCodec(Due)
_encode_events = msgspec.msgpack.Encoder().encode
_decode_events = msgspec.msgpack.Decoder(list[Event]).decode
DUE_KEY: Key = ("due",)
"""Woken whenever there is new work."""


def ended_key(execution_id: str) -> Key:
    """Woken when an execution has ended."""
    return ("ended", execution_id)


# -- state machines ------------------------------------------------------------------------------


def machine(call: ReadCall, name: str) -> Machine | None:
    raw = call.state.get(("machine", name))
    return None if raw is None else _MACHINES.decode(raw)


def put_machine(call: WriteCall, one: Machine) -> None:
    call.state.put(("machine", one.name), _MACHINES.encode(one))
    key = ("revision", one.name, one.revision.id)
    call.state.put(key, _REVISIONS.encode(one.revision))


def delete_machine(call: WriteCall, name: str) -> None:
    """Forget a state machine; its revisions stay, for the executions there are of it."""
    call.state.delete(("machine", name))


def machines(call: ReadCall) -> list[Machine]:
    """All of them, by name."""
    return [_MACHINES.decode(raw) for _, raw in call.state.range(("machine",))]


def revision(call: ReadCall, name: str, revision_id: str) -> Revision:
    raw = call.state.get(("revision", name, revision_id))
    return _REVISIONS.decode(raw)


def put_definition(call: WriteCall, digest: str, text: str) -> None:
    call.state.put(("definition", digest), text.encode())


def definition(call: ReadCall, digest: str) -> str:
    raw: bytes = call.state.get(("definition", digest))
    return raw.decode()


# -- activities ----------------------------------------------------------------------------------


def activity(call: ReadCall, name: str) -> Activity | None:
    raw = call.state.get(("activity", name))
    return None if raw is None else _ACTIVITIES.decode(raw)


def put_activity(call: WriteCall, one: Activity) -> None:
    call.state.put(("activity", one.name), _ACTIVITIES.encode(one))


def activities(call: ReadCall) -> list[Activity]:
    """All of them, by name."""
    return [_ACTIVITIES.decode(raw) for _, raw in call.state.range(("activity",))]


def offer(call: WriteCall, activity_name: str, execution_id: str, task_id: int) -> None:
    """Let the activity's workers have a task."""
    key = ("activity_task", activity_name, call.sequence())
    call.state.put(key, msgspec.msgpack.encode((execution_id, task_id)))
    call.wake(("activity_task", activity_name))


def take_offer(call: WriteCall, activity_name: str) -> tuple[str, int] | None:
    """The execution and number of the task that has waited longest; it is nobody else's then."""
    for key, raw in call.state.range(("activity_task", activity_name), limit=1):
        call.state.delete(key)
        return msgspec.msgpack.decode(raw, type=tuple[str, int])
    return None


# -- executions ----------------------------------------------------------------------------------


def execution(call: ReadCall, execution_id: str) -> Execution | None:
    raw = call.state.get(("execution", execution_id))
    return None if raw is None else _EXECUTIONS.decode(raw)


def put_new_execution(call: WriteCall, one: Execution) -> None:
    """Store an execution for the first time: it may be over already."""
    call.state.put(("started", one.machine, one.started_ms, one.name), b"")
    call.state.put(("execution", one.id), _EXECUTIONS.encode(one))
    if one.status == RUNNING:
        call.state.put(("live", one.machine, one.name), b"")


def put_ended_execution(call: WriteCall, one: Execution) -> None:
    """Store how an execution that ran has ended, and forget where it was."""
    call.state.put(("execution", one.id), _EXECUTIONS.encode(one))
    call.state.delete(("live", one.machine, one.name))
    call.state.delete(("cursor", one.id))


def live_names(call: ReadCall, machine_name: str, limit: int) -> list[str]:
    """Some of the executions of a state machine that run."""
    return [str(key[2]) for key, _ in call.state.range(("live", machine_name), limit=limit)]


def started(call: ReadCall, machine_name: str, before: Key | None) -> Iterator[tuple[Key, str]]:
    """Keys and ids of executions, the latest first, from before a key on."""
    page, stop = LIMITS.page_max, before
    while True:
        rows = call.state.range(("started", machine_name), stop=stop, limit=page, reverse=True)
        for key, _ in rows:
            yield key, f"{machine_name}:{key[3]}"
        if len(rows) < page:
            return
        stop = rows[-1][0]


def cursor(call: ReadCall, execution_id: str) -> RunState | None:
    raw = call.state.get(("cursor", execution_id))
    return None if raw is None else decode_state(raw)


def put_cursor(call: WriteCall, execution_id: str, state: RunState) -> None:
    call.state.put(("cursor", execution_id), encode_state(state))


# -- history -------------------------------------------------------------------------------------


def append(call: WriteCall, execution_id: str, events: list[Event]) -> None:
    """Add events to a history, in chunks that are not much longer than a value should be."""
    chunk: list[Event] = []
    size = 0
    for event in events:
        details = event.details or {}
        chunk.append(event)
        size += 100 + sum(len(each) for each in details.values() if isinstance(each, str))
        if size >= LIMITS.chunk_bytes:
            _put_chunk(call, execution_id, chunk)
            chunk, size = [], 0
    if chunk:
        _put_chunk(call, execution_id, chunk)


def _put_chunk(call: WriteCall, execution_id: str, events: list[Event]) -> None:
    call.state.put(("history", execution_id, events[0].id), _encode_events(events))


def events(call: ReadCall, execution_id: str, first: int, count: int) -> list[Event]:
    """``count`` events from the number ``first`` on."""
    found: list[Event] = []
    prefix = ("history", execution_id)
    before = call.state.range(prefix, stop=(*prefix, first + 1), limit=1, reverse=True)
    start = before[0][0] if before else prefix
    while len(found) < count:
        rows = call.state.range(prefix, start=start, limit=1)
        if not rows:
            break
        chunk = _decode_events(rows[0][1])
        found += [event for event in chunk if event.id >= first]
        start = (*prefix, chunk[-1].id + 1)
    return found[:count]


# -- tasks ---------------------------------------------------------------------------------------


def task(call: ReadCall, execution_id: str, task_id: int) -> Task | None:
    raw = call.state.get(("task", execution_id, task_id))
    return None if raw is None else _TASKS.decode(raw)


def put_task(call: WriteCall, execution_id: str, task_id: int, one: Task) -> None:
    call.state.put(("task", execution_id, task_id), _TASKS.encode(one))


def delete_task(call: WriteCall, execution_id: str, task_id: int) -> None:
    call.state.delete(("task", execution_id, task_id))


def put_parent(call: WriteCall, child_id: str, execution_id: str, task_id: int) -> None:
    """Keep in mind that a task waits for the end of an execution."""
    call.state.put(("parent", child_id, execution_id, task_id), b"")


def delete_parent(call: WriteCall, child_id: str, execution_id: str, task_id: int) -> None:
    call.state.delete(("parent", child_id, execution_id, task_id))


def parents(call: ReadCall, child_id: str) -> list[tuple[str, int]]:
    """Executions and numbers of the tasks that wait for an execution."""
    return [(str(key[2]), int(key[3])) for key, _ in call.state.range(("parent", child_id))]


# -- work that is due ----------------------------------------------------------------------------


def put_due(call: WriteCall, work: Due) -> int:
    """Let the platform do something after the commit; the number under which it stands."""
    number = call.sequence()
    call.state.put(("due", number), _DUE.encode(work))
    call.wake(DUE_KEY)
    return number


def delete_due(call: WriteCall, number: int) -> None:
    call.state.delete(("due", number))


def is_due(call: ReadCall, number: int) -> bool:
    return call.state.get(("due", number)) is not None


def due_after(call: ReadCall, number: int) -> list[tuple[int, Due]]:
    """Work that became due after some other, in order."""
    rows = call.state.range(("due",), start=("due", number + 1))
    return [(int(key[1]), _DUE.decode(raw)) for key, raw in rows]
