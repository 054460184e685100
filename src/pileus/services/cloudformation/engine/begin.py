"""How a stack operation begins: in one transaction, with everything it needs to be resumed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Timer
from pileus.services.cloudformation import errors, store
from pileus.services.cloudformation.engine import changes, phases, plan
from pileus.services.cloudformation.limits import LIMITS
from pileus.services.cloudformation.model import (
    UNDELETABLE,
    UPDATABLE,
    Actor,
    Operation,
    Stack,
    Wanted,
)


@dataclass(frozen=True, slots=True)
class Start:
    """How an operation is to be carried out.

    Attributes:
        needs: the template's resources in order, each with those it needs.
        on_failure: ROLLBACK, DELETE or DO_NOTHING.
    """

    id: str
    actor: Actor
    endpoint: str
    needs: Mapping[str, Iterable[str]]
    client_token: str = ""
    on_failure: str = "ROLLBACK"
    retain_except_on_create: bool = False


def with_on_failure(start: Start, on_failure: str) -> Start:
    """The same with another way to fail."""
    return replace(start, on_failure=on_failure)


def new_stack(call: WriteCall, stack: Stack, text: str) -> None:
    """Keep a stack that does not exist yet; raises AlreadyExistsException."""
    if call.state.get(("stack_name", stack.name)) is not None:
        raise errors.already_exists(stack.name)
    living = call.state.count(("stack_name",))
    if living >= LIMITS.stacks_max:
        raise errors.too_many_stacks(LIMITS.stacks_max)
    stack.sequence = call.sequence()
    stack.created_ms = call.now_ms
    stack.wanted.template = store.put_template(call.state, stack.uuid, text)
    call.state.put(("stack_name", stack.name), stack.uuid.encode())


def begin_create(call: WriteCall, stack: Stack, start: Start) -> None:
    """A new stack, or one in review, begins to be created."""
    changes.set_status(call, stack, "CREATE_IN_PROGRESS", "User Initiated", start.client_token)
    _begin(call, stack, start, "CREATE", None)
    if stack.timeout_minutes:
        at_ms = call.now_ms + stack.timeout_minutes * 60_000
        payload = {"uuid": stack.uuid, "operation": start.id}
        call.set_timer(Timer(name="time_out", key=stack.uuid, at_ms=at_ms, payload=payload))


def begin_update(call: WriteCall, stack: Stack, wanted: Wanted, start: Start) -> None:
    """A stack at rest begins to become what is wanted; raises ValidationError."""
    check_updatable(stack)
    before = store.stack(call.state, stack.uuid)
    stack.wanted, stack.updated_ms = wanted, call.now_ms
    changes.set_status(call, stack, "UPDATE_IN_PROGRESS", "User Initiated", start.client_token)
    _begin(call, stack, start, "UPDATE", before)


def check_updatable(stack: Stack) -> None:
    """Raises ValidationError for a stack that something is under way on, or that failed for good."""
    if stack.status not in UPDATABLE:
        raise errors.cannot_update(stack.id, stack.status)


def _begin(call: WriteCall, stack: Stack, start: Start, kind: str, before: Stack | None) -> None:
    used = [key[1] for key, _ in call.state.range(("import",)) if key[2] == stack.uuid]
    operation = Operation(
        id=start.id,
        kind=kind,  # type: ignore[arg-type]
        phase="apply",
        actor=start.actor,
        endpoint=start.endpoint,
        client_token=start.client_token,
        on_failure=start.on_failure,
        before=before,
        imports_before=used,
        retain_except_on_create=start.retain_except_on_create,
    )
    store.put_operation(call.state, stack.uuid, operation)
    plan.plan_apply(call, stack.uuid, start.needs)


@dataclass(frozen=True, slots=True)
class Removal:
    """How a stack is to be deleted."""

    id: str
    actor: Actor
    endpoint: str
    client_token: str = ""
    retain: tuple[str, ...] = ()
    is_forced: bool = False


def begin_delete(call: WriteCall, stack: Stack, removal: Removal) -> bool:
    """A stack begins to be deleted; False when a runner is at work on it already, or none is needed.

    Raises:
        ServiceError: ValidationError for a protected stack or one that is being updated.
    """
    if stack.is_protected:
        raise errors.is_protected(stack.name)
    if stack.status in UNDELETABLE:
        raise errors.cannot_delete(stack.id, stack.status)
    if removal.retain and stack.status != "DELETE_FAILED":
        raise errors.validation(
            "Invalid operation on stack. RetainResources can only be specified for stacks in "
            "DELETE_FAILED state."
        )
    if stack.status == "REVIEW_IN_PROGRESS":
        phases.end_stack(call, stack, removal.client_token)
        return False
    for export in store.exports(call.state):
        users = store.importers(call.state, export.name)
        if export.stack_uuid == stack.uuid and users:
            reason = errors.export_kept(export.name, users)
            changes.set_status(call, stack, stack.status, reason, removal.client_token)
            return False
    running = store.operation(call.state, stack.uuid)
    if running is not None and not running.is_paused:
        if running.phase == "apply":
            running.delete_next = running.is_failing = True
            running.retain = list(removal.retain)
            store.put_operation(call.state, stack.uuid, running)
            call.wake(store.wake_key(stack.uuid))
        return False
    operation = Operation(
        id=removal.id,
        kind="DELETE",
        phase="delete",
        actor=removal.actor,
        endpoint=removal.endpoint,
        client_token=removal.client_token,
        retain=list(removal.retain),
        is_forced=removal.is_forced,
    )
    phases.begin_delete(call, stack, operation)
    return True
