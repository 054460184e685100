"""A step that makes a resource what the template wants: created, updated, replaced or left alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.resources import PartlyCreated, Resource, ResourceRequest
from pileus.languages.cfn import TemplateError, difference
from pileus.services.cloudformation import store
from pileus.services.cloudformation.engine import changes
from pileus.services.cloudformation.engine.failing import cancel_others
from pileus.services.cloudformation.engine.property_names import objection, remark
from pileus.services.cloudformation.engine.work import Work, attempt, told
from pileus.services.cloudformation.model import Mode, Operation, StackResource, Step
from pileus.services.cloudformation.values import KnownResources, with_tags
from pileus.values.errors import PileusError, ServiceError

_REPLACING = (
    "Requested update requires the creation of a new physical resource; hence creating one."
)
_BROKEN = frozenset({"CREATE_FAILED", "UPDATE_FAILED"})


@dataclass(frozen=True, slots=True)
class _Aim:
    """What a resource shall be, from the template."""

    properties: dict[str, Any]
    metadata: Any
    deletion_policy: str
    replace_policy: str
    needs: list[str]
    type: str
    tags: dict[str, str]
    remark: str


async def ensure(work: Work, step: Step) -> None:
    """Carry out the step, from wherever an earlier run left it."""
    if step.state == "pending" and not await _begin(work, step):
        return
    record = work.call.read(lambda c: store.resource(c.state, work.uuid, step.logical_id))
    assert record is not None
    handler = work.handler(record.type)
    is_new = step.mode in ("create", "replace")
    request = _request(work, step, record)
    call = work.step_call(record.type, step)
    against = objection(handler, record.type, step.logical_id, step.properties)
    if against is not None:
        await work.call.write(lambda c: _fail(c, work, step, against))
        return
    if is_new:
        made, error = await attempt(handler.create(call, request))
    else:
        assert handler.update is not None
        made, error = await attempt(handler.update(call, request))
    if error is None and step.mode == "replace" and made.physical_id == record.physical_id:
        error = _same_name(work, record)
    if error is None:
        await work.call.write(lambda c: _finish(c, work, step, made))
    else:
        await work.call.write(lambda c: _fail(c, work, step, error))


def _same_name(work: Work, record: StackResource) -> ServiceError:
    name = record.physical_id.rpartition("/")[2].rpartition(":")[2]
    return ServiceError(
        "AlreadyExists",
        "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
        f"Rename {name} and update the stack again.",
    )


def _request(work: Work, step: Step, record: StackResource) -> ResourceRequest:
    taggable = work.handler(record.type).taggable
    is_update = step.mode == "update"
    return ResourceRequest(
        type=record.type,
        logical_id=step.logical_id,
        stack_id=work.stack.id,
        stack_name=work.stack.name,
        properties=with_tags(step.properties, step.tags, taggable),
        token=record.token if is_update else step.token,
        physical_id=record.physical_id if is_update else "",
        old_properties=with_tags(record.properties, record.tags, taggable) if is_update else {},
        attributes=record.attributes if is_update else {},
    )


# -- before -------------------------------------------------------------------------------------


async def _begin(work: Work, step: Step) -> bool:
    """Decide what to do and note it; False when nothing is to be done."""
    assert work.resolved is not None and work.outside is not None
    records = work.call.read(lambda c: store.resources(c.state, work.uuid))
    resource = work.resolved.resources[step.logical_id]
    resolved, values = work.resolved, KnownResources(records)
    try:
        properties, metadata = await work.outside.settle(
            lambda: (
                resolved.properties(step.logical_id, values),
                resolved.evaluated(resource.metadata, values),
            )
        )
    except (TemplateError, ServiceError) as error:
        reason = error.message if isinstance(error, ServiceError) else str(error)
        await work.call.write(lambda c: _fail_before(c, work, step, reason))
        return False
    aim = _Aim(
        properties=properties,
        metadata=metadata,
        deletion_policy=resource.deletion_policy or "Delete",
        replace_policy=resource.update_replace_policy or "Delete",
        needs=sorted(resolved.needs[step.logical_id]),
        type=resource.type,
        tags=work.stack.wanted.tags,
        remark=remark(work.handler(resource.type), resource.type, properties),
    )
    mode = _mode(work, records.get(step.logical_id), aim)
    imported = frozenset(work.outside.imported)
    return await work.call.write(lambda c: _note(c, work, step, aim, mode, imported))


def _mode(work: Work, record: StackResource | None, aim: _Aim) -> Mode:
    if record is None or not record.physical_id or record.status == "CREATE_FAILED":
        return "create"
    handler = work.handler(aim.type)
    changed = {each.name for each in difference(record.properties, aim.properties)}
    if handler.taggable and record.tags != aim.tags:
        changed.add(handler.taggable)
    if not changed and record.status not in _BROKEN:
        return ""
    return "replace" if handler.needs_replacement(changed) else "update"


def _note(
    call: WriteCall, work: Work, step: Step, aim: _Aim, mode: Mode, imported: frozenset[str]
) -> bool:
    """In one transaction: the resource as it was, what will be done to it, and the event."""
    operation = _operation(call, work)
    if operation.is_failing:
        step.state = "skipped"
        store.put_step(call.state, work.uuid, step)
        return False
    for name in imported:
        call.state.put(("import", name, work.uuid), operation.id.encode())
    record = store.resource(call.state, work.uuid, step.logical_id)
    if operation.kind == "UPDATE":
        store.put_before(call.state, work.uuid, step.logical_id, record)
    if mode == "" and record is not None:
        _take_over(record, aim)
        store.put_resource(call.state, work.uuid, record)
        step.state = "done"
        store.put_step(call.state, work.uuid, step)
        return False
    if mode == "create" or record is None:
        record = StackResource(
            logical_id=step.logical_id, type=aim.type, status="", token=step.token
        )
    if mode == "update":
        record.attempted = aim.properties
    _take_over(record, aim)
    status = "CREATE_IN_PROGRESS" if mode == "create" else "UPDATE_IN_PROGRESS"
    reason = " ".join(filter(None, (_REPLACING if mode == "replace" else "", aim.remark)))
    changes.set_resource_status(call, work.stack, operation, record, status, reason)
    store.put_resource(call.state, work.uuid, record)
    step.state, step.mode = "started", mode
    step.properties, step.tags = aim.properties, dict(aim.tags)
    store.put_step(call.state, work.uuid, step)
    return True


def _take_over(record: StackResource, aim: _Aim) -> None:
    """What belongs to the stack and not to the resource's own service."""
    record.metadata = aim.metadata
    record.deletion_policy = aim.deletion_policy
    record.replace_policy = aim.replace_policy
    record.needs = aim.needs


def _fail_before(call: WriteCall, work: Work, step: Step, reason: str) -> None:
    """A property cannot be evaluated: AWS blames the stack, not the resource."""
    operation = _operation(call, work)
    step.state = "failed"
    store.put_step(call.state, work.uuid, step)
    if not operation.is_failing:
        operation.reason = reason
        cancel_others(call, work.stack, operation)


# -- after --------------------------------------------------------------------------------------


def _finish(call: WriteCall, work: Work, step: Step, made: Resource) -> None:
    operation = _operation(call, work)
    record = store.resource(call.state, work.uuid, step.logical_id)
    assert record is not None
    record.physical_id, record.attributes = made.physical_id, dict(made.attributes)
    record.properties, record.tags, record.attempted = step.properties, step.tags, None
    if step.mode == "replace":
        record.token = step.token
    step.state = "done"
    store.put_step(call.state, work.uuid, step)
    if not operation.is_failing:
        begun, ended = "CREATE_IN_PROGRESS", "CREATE_COMPLETE"
        if step.mode != "create":
            begun, ended = "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"
        if step.mode != "update":
            text = "Resource creation Initiated"
            changes.set_resource_status(call, work.stack, operation, record, begun, text)
        changes.set_resource_status(call, work.stack, operation, record, ended)
    store.put_resource(call.state, work.uuid, record)


def _fail(call: WriteCall, work: Work, step: Step, error: Exception) -> None:
    operation = _operation(call, work)
    record = store.resource(call.state, work.uuid, step.logical_id)
    assert record is not None
    if isinstance(error, PartlyCreated):
        _keep_part(call, work, step, record, error.resource)
        error = error.error
    step.state = "failed"
    store.put_step(call.state, work.uuid, step)
    if operation.is_failing:
        # It was told as cancelled when the first step failed.
        store.put_resource(call.state, work.uuid, record)
        return
    verb = "create" if step.mode == "create" else "update"
    operation.failed_to.setdefault(verb, []).append(step.logical_id)
    reason = told(error, record.type, operation, step)
    status = f"{verb.upper()}_FAILED"
    changes.set_resource_status(call, work.stack, operation, record, status, reason)
    store.put_resource(call.state, work.uuid, record)
    cancel_others(call, work.stack, operation)


def _keep_part(
    call: WriteCall, work: Work, step: Step, record: StackResource, part: Resource
) -> None:
    """Something exists although the step failed: remember it, so that the rollback deletes it."""
    if step.mode == "create":
        record.physical_id, record.attributes = part.physical_id, dict(part.attributes)
        record.properties, record.tags = step.properties, step.tags
        return
    left = StackResource(
        logical_id=record.logical_id,
        type=record.type,
        status=record.status,
        physical_id=part.physical_id,
        properties=step.properties,
        tags=step.tags,
        attributes=dict(part.attributes),
        needs=record.needs,
        token=step.token,
    )
    call.state.put(("leftover", work.uuid, call.sequence()), store.RESOURCES.encode(left))


def _operation(call: WriteCall, work: Work) -> Operation:
    found = store.operation(call.state, work.uuid)
    if found is None:
        raise PileusError(f"nothing is under way on stack {work.stack.name}")
    return found
