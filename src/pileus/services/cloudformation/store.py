"""Where stacks lie.

``stack, uuid``                    Stack
``stack_name, name``               the uuid of the stack that has the name now
``template, uuid, digest, n``      a template's text, compressed, in pieces
``resource, uuid, logical id``     StackResource
``event, uuid, sequence``          Event
``operation, uuid``                Operation, while one is under way
``step, uuid, index``              Step of the operation's present phase
``before, uuid, logical id``       StackResource before the update under way; empty: there was none
``leftover, uuid, sequence``       StackResource that a failed replacement left
``change_set, uuid, name``         ChangeSet
``change_set_id, change set uuid`` uuid of its stack and its name
``export, name``                   Export
``import, name, uuid``             an export in use by a stack
``answer, uuid, token``            Question of answers.py
``signal, uuid, token, unique id`` a signal to a wait condition's handle
"""

from __future__ import annotations

import hashlib
import zlib
from typing import Any

import msgspec

from pileus.kernel.records import RecordCodec
from pileus.services.cloudformation import errors
from pileus.services.cloudformation.limits import LIMITS
from pileus.services.cloudformation.model import (
    ChangeSet,
    Event,
    Export,
    Operation,
    Stack,
    StackResource,
    Step,
)
from pileus.values.arns import is_arn

STACKS = RecordCodec(Stack)
RESOURCES = RecordCodec(StackResource)
EVENTS = RecordCodec(Event)
OPERATIONS = RecordCodec(Operation)
STEPS = RecordCodec(Step)
CHANGE_SETS = RecordCodec(ChangeSet)
EXPORTS = RecordCodec(Export)


def wake_key(uuid: str) -> tuple[str, str]:
    """What those who wait for a stack are woken by."""
    return ("stack", uuid)


# -- stacks -------------------------------------------------------------------------------------


def uuid_of(stack_id: str) -> str:
    """The last part of a stack's ARN."""
    return stack_id.rpartition("/")[2]


def stack(state: Any, uuid: str) -> Stack:
    """A stack that is known to be there."""
    return STACKS.decode(state.get(("stack", uuid)))


def look_up(state: Any, name_or_id: str) -> Stack | None:
    """The stack with that id (deleted ones too) or name."""
    if is_arn(name_or_id):
        raw = state.get(("stack", uuid_of(name_or_id)))
        found = None if raw is None else STACKS.decode(raw)
        return found if found is not None and found.id == name_or_id else None
    uuid = state.get(("stack_name", name_or_id))
    return None if uuid is None else stack(state, uuid.decode())


def find(state: Any, name_or_id: str) -> Stack:
    """The same; raises ValidationError."""
    found = look_up(state, name_or_id)
    if found is None:
        raise errors.stack_with_id_does_not_exist(name_or_id)
    return found


def put_stack(state: Any, record: Stack) -> None:
    state.put(("stack", record.uuid), STACKS.encode(record))


def all_stacks(state: Any) -> list[Stack]:
    """Newest first."""
    found = [STACKS.decode(raw) for _, raw in state.range(("stack",))]
    return sorted(found, key=lambda each: each.sequence, reverse=True)


def forget_stack(state: Any, uuid: str) -> None:
    """Remove everything about a deleted stack."""
    for kind in ("template", "resource", "event", "step", "before", "leftover"):
        state.delete_range((kind, uuid))
    for change_set in change_sets(state, uuid):
        delete_change_set(state, change_set)
    state.delete(("operation", uuid))
    state.delete(("stack", uuid))


# -- templates ----------------------------------------------------------------------------------


def put_template(state: Any, uuid: str, text: str) -> str:
    """Keep a template's text with a stack; its digest."""
    raw = text.encode()
    digest = hashlib.sha256(raw).hexdigest()[:32]
    packed = zlib.compress(raw)
    size = LIMITS.chunk_bytes
    for number, at in enumerate(range(0, len(packed), size)):
        state.put(("template", uuid, digest, number), packed[at : at + size])
    return digest


def template(state: Any, uuid: str, digest: str) -> str:
    """The text kept under ``digest``."""
    packed = b"".join(piece for _, piece in state.range(("template", uuid, digest)))
    return zlib.decompress(packed).decode()


def sweep_templates(state: Any, uuid: str) -> None:
    """Forget the texts that neither the stack nor a change set names."""
    kept = {stack(state, uuid).wanted.template}
    kept |= {change_set.wanted.template for change_set in change_sets(state, uuid)}
    found = operation(state, uuid)
    if found is not None and found.before is not None:
        kept.add(found.before.wanted.template)
    for key, _ in state.range(("template", uuid)):
        if key[2] not in kept:
            state.delete(key)


# -- resources and events -----------------------------------------------------------------------


def resources(state: Any, uuid: str) -> dict[str, StackResource]:
    """Every resource of a stack by logical id."""
    found = (RESOURCES.decode(raw) for _, raw in state.range(("resource", uuid)))
    return {each.logical_id: each for each in found}


def resource(state: Any, uuid: str, logical_id: str) -> StackResource | None:
    raw = state.get(("resource", uuid, logical_id))
    return None if raw is None else RESOURCES.decode(raw)


def put_resource(state: Any, uuid: str, record: StackResource) -> None:
    state.put(("resource", uuid, record.logical_id), RESOURCES.encode(record))


def events(state: Any, uuid: str) -> list[Event]:
    """Newest first."""
    return [EVENTS.decode(raw) for _, raw in state.range(("event", uuid), reverse=True)]


# -- what is under way --------------------------------------------------------------------------


def operation(state: Any, uuid: str) -> Operation | None:
    raw = state.get(("operation", uuid))
    return None if raw is None else OPERATIONS.decode(raw)


def put_operation(state: Any, uuid: str, record: Operation) -> None:
    state.put(("operation", uuid), OPERATIONS.encode(record))


def steps(state: Any, uuid: str) -> list[Step]:
    """The steps of the present phase, by index."""
    return [STEPS.decode(raw) for _, raw in state.range(("step", uuid))]


def put_step(state: Any, uuid: str, record: Step) -> None:
    state.put(("step", uuid, record.index), STEPS.encode(record))


def befores(state: Any, uuid: str) -> dict[str, StackResource | None]:
    """What the update under way has touched, as it was."""
    rows = state.range(("before", uuid))
    return {key[2]: RESOURCES.decode(raw) if raw else None for key, raw in rows}


def put_before(state: Any, uuid: str, logical_id: str, record: StackResource | None) -> None:
    """Remember the resource as it was, the first time an update touches it."""
    key = ("before", uuid, logical_id)
    if state.get(key) is None:
        state.put(key, RESOURCES.encode(record) if record is not None else b"")


def leftovers(state: Any, uuid: str) -> list[StackResource]:
    return [RESOURCES.decode(raw) for _, raw in state.range(("leftover", uuid))]


# -- change sets --------------------------------------------------------------------------------


def change_sets(state: Any, uuid: str) -> list[ChangeSet]:
    return [CHANGE_SETS.decode(raw) for _, raw in state.range(("change_set", uuid))]


def look_up_change_set(state: Any, name_or_id: str, stack_name: str | None) -> ChangeSet | None:
    """By its id, or by its name together with its stack's name or id."""
    if is_arn(name_or_id):
        raw = state.get(("change_set_id", name_or_id.rpartition("/")[2]))
        if raw is None:
            return None
        uuid, name = msgspec.msgpack.decode(raw)
    else:
        owner = look_up(state, stack_name or "")
        if owner is None:
            return None
        uuid, name = owner.uuid, name_or_id
    raw = state.get(("change_set", uuid, name))
    return None if raw is None else CHANGE_SETS.decode(raw)


def put_change_set(state: Any, record: ChangeSet) -> None:
    state.put(("change_set", record.stack_uuid, record.name), CHANGE_SETS.encode(record))
    where = msgspec.msgpack.encode([record.stack_uuid, record.name])
    state.put(("change_set_id", record.uuid), where)


def delete_change_set(state: Any, record: ChangeSet) -> None:
    state.delete(("change_set", record.stack_uuid, record.name))
    state.delete(("change_set_id", record.uuid))


# -- exports ------------------------------------------------------------------------------------


def export(state: Any, name: str) -> Export | None:
    raw = state.get(("export", name))
    return None if raw is None else EXPORTS.decode(raw)


def exports(state: Any) -> list[Export]:
    return [EXPORTS.decode(raw) for _, raw in state.range(("export",))]


def importers(state: Any, name: str) -> list[str]:
    """Names of the stacks that import an export."""
    found = [stack(state, key[2]).name for key, _ in state.range(("import", name))]
    return sorted(found)
