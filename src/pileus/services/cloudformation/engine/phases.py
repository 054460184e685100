"""What follows a phase: the next phase with its steps, or the end of the operation."""

from __future__ import annotations

from collections.abc import Sequence

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Timer
from pileus.services.cloudformation import errors, store
from pileus.services.cloudformation.answers import forget_answers
from pileus.services.cloudformation.engine import changes, plan
from pileus.services.cloudformation.limits import LIMITS
from pileus.services.cloudformation.model import (
    Export,
    Operation,
    Stack,
    StackOutput,
)

_LEFT_BEHIND = "One or more resources could not be deleted."


def advance(
    call: WriteCall,
    uuid: str,
    outputs: Sequence[StackOutput] | None,
    problem: str,
    wanted: frozenset[str],
) -> None:
    """End the present phase, in one transaction.

    Args:
        outputs: of a phase ``apply`` that went well; ``problem`` why they cannot be had.
        wanted: logical ids of the template that was applied.
    """
    stack, operation = store.stack(call.state, uuid), store.operation(call.state, uuid)
    if operation is None or operation.is_paused:
        return
    if operation.phase == "apply":
        if outputs is not None and not operation.is_failing:
            problem = problem or _publish(call, stack, outputs)
        if problem:
            operation.is_failing, operation.reason = True, problem
        if operation.delete_next:
            begin_delete(call, stack, operation)
        elif operation.is_failing:
            _fall_back(call, stack, operation)
        else:
            _end_apply(call, stack, operation, outputs or (), wanted)
    elif operation.phase == "undo":
        _end_undo(call, stack, operation)
    elif operation.phase == "rollback":
        _end_rollback(call, stack, operation)
    elif operation.phase == "cleanup":
        _end_cleanup(call, stack, operation)
    else:
        _end_delete(call, stack, operation)


def failure_text(operation: Operation) -> str:
    """Why the operation fails, as a stack's status reason tells it."""
    if operation.reason:
        return operation.reason
    return "".join(
        f"The following resource(s) failed to {verb}: [{', '.join(names)}]. "
        for verb, names in operation.failed_to.items()
        if names
    )


# -- apply --------------------------------------------------------------------------------------


def _end_apply(
    call: WriteCall,
    stack: Stack,
    operation: Operation,
    outputs: Sequence[StackOutput],
    wanted: frozenset[str],
) -> None:
    stack.outputs = list(outputs)
    _keep_imports(call, stack.uuid, operation)
    if operation.kind == "CREATE":
        changes.set_status(call, stack, "CREATE_COMPLETE", client_token=operation.client_token)
        _finish(call, stack)
        return
    status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
    changes.set_status(call, stack, status, client_token=operation.client_token)
    plan.plan_cleanup(call, stack.uuid, wanted)
    _go_on(call, stack, operation, "cleanup")


def _keep_imports(call: WriteCall, uuid: str, operation: Operation) -> None:
    """Of the exports the stack has used, keep those this operation used."""
    for key, value in call.state.range(("import",)):
        if key[2] == uuid and value != operation.id.encode():
            call.state.delete(key)


def _publish(call: WriteCall, stack: Stack, outputs: Sequence[StackOutput]) -> str:
    """Make the outputs' exports known; or the reason why that cannot be."""
    new = {each.export: each.value for each in outputs if each.export is not None}
    mine = {each.name: each for each in store.exports(call.state) if each.stack_uuid == stack.uuid}
    for name in new:
        other = store.export(call.state, name)
        if other is not None and other.stack_uuid != stack.uuid:
            owner = store.stack(call.state, other.stack_uuid)
            return f"Export with name {name} is already exported by stack {owner.name}."
    for name, old in mine.items():
        users = store.importers(call.state, name)
        if users and new.get(name) != old.value:
            verb = "updated" if name in new else "deleted"
            return errors.export_in_use(name, users, verb)
    for name in mine:
        call.state.delete(("export", name))
    for name, value in new.items():
        record = Export(name=name, stack_uuid=stack.uuid, stack_id=stack.id, value=value)
        call.state.put(("export", name), store.EXPORTS.encode(record))
    return ""


def _fall_back(call: WriteCall, stack: Stack, operation: Operation) -> None:
    reason, token = failure_text(operation), operation.client_token
    if operation.on_failure == "DO_NOTHING":
        status = "CREATE_FAILED" if operation.kind == "CREATE" else "UPDATE_FAILED"
        changes.set_status(call, stack, status, reason, token)
        _finish(call, stack)
    elif operation.kind == "UPDATE":
        changes.set_status(call, stack, "UPDATE_ROLLBACK_IN_PROGRESS", reason, token)
        plan.plan_restore(call, stack.uuid)
        _go_on(call, stack, operation, "rollback")
    elif operation.on_failure == "DELETE":
        changes.set_status(call, stack, "DELETE_IN_PROGRESS", _by_user(reason, "Delete"), token)
        plan.plan_delete(call, stack.uuid, operation)
        _go_on(call, stack, operation, "delete")
    else:
        changes.set_status(call, stack, "ROLLBACK_IN_PROGRESS", _by_user(reason, "Rollback"), token)
        plan.plan_delete(call, stack.uuid, operation)
        _go_on(call, stack, operation, "undo")


def _by_user(reason: str, what: str) -> str:
    text = reason.rstrip()
    return f"{text}{'' if text.endswith('.') else '.'} {what} requested by user."


# -- the other phases ---------------------------------------------------------------------------


def _end_undo(call: WriteCall, stack: Stack, operation: Operation) -> None:
    _use_no_exports(call, stack.uuid)
    reason = failure_text(operation) if operation.failed_to else ""
    status = "ROLLBACK_FAILED" if operation.failed_to else "ROLLBACK_COMPLETE"
    changes.set_status(call, stack, status, reason, operation.client_token)
    _finish(call, stack)


def _end_rollback(call: WriteCall, stack: Stack, operation: Operation) -> None:
    token = operation.client_token
    if operation.failed_to:
        text = failure_text(operation)
        changes.set_status(call, stack, "UPDATE_ROLLBACK_FAILED", text, token)
        operation.is_paused = True
        store.put_operation(call.state, stack.uuid, operation)
        return
    before = operation.before
    assert before is not None
    stack.wanted, stack.outputs, stack.policy = before.wanted, before.outputs, before.policy
    stack.change_set_id = before.change_set_id
    _use_no_exports(call, stack.uuid)
    for name in operation.imports_before:
        call.state.put(("import", name, stack.uuid), operation.id.encode())
    status = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"
    changes.set_status(call, stack, status, client_token=token)
    plan.plan_rollback_cleanup(call, stack.uuid, operation)
    _go_on(call, stack, operation, "cleanup")


def _end_cleanup(call: WriteCall, stack: Stack, operation: Operation) -> None:
    is_rolled_back = stack.status.startswith("UPDATE_ROLLBACK")
    status = "UPDATE_ROLLBACK_COMPLETE" if is_rolled_back else "UPDATE_COMPLETE"
    reason = ""
    if operation.failed_to:
        reason = f"{'Rollback' if is_rolled_back else 'Update'} successful. {_LEFT_BEHIND}"
    changes.set_status(call, stack, status, reason, operation.client_token)
    _finish(call, stack)


def begin_delete(call: WriteCall, stack: Stack, operation: Operation) -> None:
    """Go over to deleting the stack."""
    status, reason = "DELETE_IN_PROGRESS", "User Initiated"
    if stack.status != status:
        changes.set_status(call, stack, status, reason, operation.client_token)
    operation.kind = "DELETE"
    plan.plan_delete(call, stack.uuid, operation)
    _go_on(call, stack, operation, "delete")


def _end_delete(call: WriteCall, stack: Stack, operation: Operation) -> None:
    if operation.failed_to and not operation.is_forced:
        text = failure_text(operation)
        changes.set_status(call, stack, "DELETE_FAILED", text, operation.client_token)
        _finish(call, stack)
        return
    end_stack(call, stack, operation.client_token)
    forget_answers(call, stack.uuid, with_handles=True)
    call.cancel_timer("time_out", stack.uuid)
    call.state.delete_range(("step", stack.uuid))
    call.state.delete_range(("before", stack.uuid))
    call.state.delete_range(("leftover", stack.uuid))
    call.state.delete(("operation", stack.uuid))


def end_stack(call: WriteCall, stack: Stack, client_token: str = "") -> None:
    """The stack is deleted: its name is free; its history is kept for 90 days."""
    _use_no_exports(call, stack.uuid)
    for each in store.exports(call.state):
        if each.stack_uuid == stack.uuid:
            call.state.delete(("export", each.name))
    for change_set in store.change_sets(call.state, stack.uuid):
        store.delete_change_set(call.state, change_set)
    call.state.delete(("stack_name", stack.name))
    stack.deleted_ms = call.now_ms
    changes.set_status(call, stack, "DELETE_COMPLETE", client_token=client_token)
    at_ms = call.now_ms + LIMITS.deleted_kept_ms
    call.set_timer(
        Timer(name="forget_stack", key=stack.uuid, at_ms=at_ms, payload={"uuid": stack.uuid})
    )


def _use_no_exports(call: WriteCall, uuid: str) -> None:
    for key, _ in call.state.range(("import",)):
        if key[2] == uuid:
            call.state.delete(key)


def _go_on(call: WriteCall, stack: Stack, operation: Operation, phase: str) -> None:
    """The next phase; what failed in the one before has been told."""
    operation.phase = phase  # type: ignore[assignment]
    operation.is_failing, operation.failed_to, operation.reason = False, {}, ""
    store.put_operation(call.state, stack.uuid, operation)


def _finish(call: WriteCall, stack: Stack) -> None:
    for kind in ("step", "before", "leftover"):
        call.state.delete_range((kind, stack.uuid))
    call.state.delete(("operation", stack.uuid))
    forget_answers(call, stack.uuid, with_handles=False)
    call.cancel_timer("time_out", stack.uuid)
    store.sweep_templates(call.state, stack.uuid)
    call.wake(store.wake_key(stack.uuid))
