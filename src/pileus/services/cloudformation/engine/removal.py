"""A step that deletes a resource."""

from __future__ import annotations

from pileus.kernel.calls import WriteCall
from pileus.kernel.resources import ResourceRequest
from pileus.services.cloudformation import store
from pileus.services.cloudformation.engine import changes
from pileus.services.cloudformation.engine.work import Work, attempt, is_gone, told
from pileus.services.cloudformation.model import Operation, StackResource, Step
from pileus.services.cloudformation.values import with_tags


async def delete(work: Work, step: Step) -> None:
    """Carry out the step, from wherever an earlier run left it."""
    target = step.target
    assert target is not None
    if step.state == "pending":
        is_begun = await work.call.write(lambda c: _begin(c, work, step, target))
        if not is_begun:
            return
    handler = work.handler(target.type)
    request = ResourceRequest(
        type=target.type,
        logical_id=target.logical_id,
        stack_id=work.stack.id,
        stack_name=work.stack.name,
        properties=with_tags(target.properties, target.tags, handler.taggable),
        token=target.token,
        physical_id=target.physical_id,
        attributes=target.attributes,
    )
    call = work.step_call(target.type, step)
    _, error = await attempt(handler.delete(call, request))
    if error is not None and not is_gone(error):
        reason = told(error, target.type, work.operation, step)
        await work.call.write(lambda c: _fail(c, work, step, target, reason))
        return
    await work.call.write(lambda c: _finish(c, work, step, target, "DELETE_COMPLETE"))


def _begin(call: WriteCall, work: Work, step: Step, target: StackResource) -> bool:
    """False when the resource's room need not be asked."""
    if step.is_kept:
        _finish(call, work, step, target, "DELETE_SKIPPED")
        return False
    if not target.physical_id:
        _finish(call, work, step, target, "DELETE_COMPLETE")
        return False
    _tell(call, work, step, target, "DELETE_IN_PROGRESS")
    step.state = "started"
    store.put_step(call.state, work.uuid, step)
    return True


def _finish(call: WriteCall, work: Work, step: Step, target: StackResource, status: str) -> None:
    _tell(call, work, step, target, status)
    if step.is_gone_after:
        call.state.delete(("resource", work.uuid, target.logical_id))
    step.state = "done"
    store.put_step(call.state, work.uuid, step)


def _fail(call: WriteCall, work: Work, step: Step, target: StackResource, reason: str) -> None:
    operation = _operation(call, work)
    operation.failed_to.setdefault("delete", []).append(target.logical_id)
    store.put_operation(call.state, work.uuid, operation)
    _tell(call, work, step, target, "DELETE_FAILED", reason)
    if step.is_gone_after:
        # AWS drops it from the stack and says so in the status reason.
        call.state.delete(("resource", work.uuid, target.logical_id))
    step.state = "failed"
    store.put_step(call.state, work.uuid, step)


def _tell(
    call: WriteCall, work: Work, step: Step, target: StackResource, status: str, reason: str = ""
) -> None:
    operation = _operation(call, work)
    changes.set_resource_status(call, work.stack, operation, target, status, reason)
    if step.is_listed:
        store.put_resource(call.state, work.uuid, target)


def _operation(call: WriteCall, work: Work) -> Operation:
    return store.operation(call.state, work.uuid) or work.operation
