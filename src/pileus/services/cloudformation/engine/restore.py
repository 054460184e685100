"""A step that gives a resource back what it was before a failed update."""

from __future__ import annotations

from pileus.kernel.calls import WriteCall
from pileus.kernel.resources import Resource, ResourceRequest
from pileus.services.cloudformation import store
from pileus.services.cloudformation.engine import changes
from pileus.services.cloudformation.engine.work import Work, attempt, told
from pileus.services.cloudformation.model import Operation, StackResource, Step
from pileus.services.cloudformation.values import with_tags


async def restore(work: Work, step: Step) -> None:
    """Carry out the step, from wherever an earlier run left it."""
    now, before = work.call.read(
        lambda c: (
            store.resource(c.state, work.uuid, step.logical_id),
            store.befores(c.state, work.uuid)[step.logical_id],
        )
    )
    assert now is not None and before is not None
    handler = work.handler(before.type)
    is_skipped = step.logical_id in work.operation.retain
    if is_skipped or not _was_updated(now, before) or handler.update is None:
        await work.call.write(lambda c: _put_back(c, work, step, now, before))
        return
    if step.state == "pending":
        await work.call.write(lambda c: _begin(c, work, step, now))
    attempted = now.properties if now.attempted is None else now.attempted
    request = ResourceRequest(
        type=before.type,
        logical_id=step.logical_id,
        stack_id=work.stack.id,
        stack_name=work.stack.name,
        properties=with_tags(before.properties, before.tags, handler.taggable),
        token=before.token,
        physical_id=now.physical_id,
        old_properties=with_tags(attempted, work.stack.wanted.tags, handler.taggable),
        attributes=now.attributes,
    )
    made, error = await attempt(handler.update(work.step_call(before.type, step), request))
    if error is None:
        await work.call.write(lambda c: _finish(c, work, step, before, made))
    else:
        reason = told(error, before.type, work.operation, step)
        await work.call.write(lambda c: _fail(c, work, step, now, reason))


def _was_updated(now: StackResource, before: StackResource) -> bool:
    """Whether the resource itself was, or may have been, changed in place."""
    if now.physical_id != before.physical_id:
        return False
    is_same = now.properties == before.properties and now.tags == before.tags
    return now.attempted is not None or not is_same


def _put_back(
    call: WriteCall, work: Work, step: Step, now: StackResource, before: StackResource
) -> None:
    """The old resource is as it was; what replaced it is left for the cleanup."""
    if now.physical_id and now.physical_id != before.physical_id:
        call.state.put(("leftover", work.uuid, call.sequence()), store.RESOURCES.encode(now))
    if now.status != before.status or now.physical_id != before.physical_id:
        operation = _operation(call, work)
        changes.set_resource_status(call, work.stack, operation, before, "UPDATE_COMPLETE")
    store.put_resource(call.state, work.uuid, before)
    step.state = "done"
    store.put_step(call.state, work.uuid, step)


def _begin(call: WriteCall, work: Work, step: Step, now: StackResource) -> None:
    operation = _operation(call, work)
    changes.set_resource_status(call, work.stack, operation, now, "UPDATE_IN_PROGRESS")
    store.put_resource(call.state, work.uuid, now)
    step.state = "started"
    store.put_step(call.state, work.uuid, step)


def _finish(call: WriteCall, work: Work, step: Step, before: StackResource, made: Resource) -> None:
    before.physical_id, before.attributes = made.physical_id, dict(made.attributes)
    operation = _operation(call, work)
    changes.set_resource_status(call, work.stack, operation, before, "UPDATE_COMPLETE")
    store.put_resource(call.state, work.uuid, before)
    step.state = "done"
    store.put_step(call.state, work.uuid, step)


def _fail(call: WriteCall, work: Work, step: Step, now: StackResource, reason: str) -> None:
    operation = _operation(call, work)
    operation.failed_to.setdefault("update", []).append(step.logical_id)
    store.put_operation(call.state, work.uuid, operation)
    changes.set_resource_status(call, work.stack, operation, now, "UPDATE_FAILED", reason)
    store.put_resource(call.state, work.uuid, now)
    step.state = "failed"
    store.put_step(call.state, work.uuid, step)


def _operation(call: WriteCall, work: Work) -> Operation:
    return store.operation(call.state, work.uuid) or work.operation
