"""A stack operation begins to fail: nothing new is begun, and what is under way is told as cancelled."""

from __future__ import annotations

from pileus.kernel.calls import WriteCall
from pileus.services.cloudformation import store
from pileus.services.cloudformation.engine import changes
from pileus.services.cloudformation.model import Operation, Stack


def cancel_others(call: WriteCall, stack: Stack, operation: Operation) -> None:
    """Mark the operation as failing and tell of every step that is still under way.

    Those steps run on until they end (so that what they make is known and can be deleted); types
    that only wait look at the mark and give up.
    """
    operation.is_failing = True
    for step in store.steps(call.state, stack.uuid):
        if step.state != "started":
            continue
        record = store.resource(call.state, stack.uuid, step.logical_id)
        if record is None:
            continue
        verb, noun = ("create", "creation") if step.mode == "create" else ("update", "update")
        operation.failed_to.setdefault(verb, []).append(step.logical_id)
        reason = f"Resource {noun} cancelled"
        changes.set_resource_status(
            call, stack, operation, record, f"{verb.upper()}_FAILED", reason
        )
        store.put_resource(call.state, stack.uuid, record)
    store.put_operation(call.state, stack.uuid, operation)
    call.wake(store.wake_key(stack.uuid))
