"""Stacks begun: by a client, or as a resource of another stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import StreamCall, WriteCall
from pileus.services.cloudformation import comparison, errors, store
from pileus.services.cloudformation.beginning import start_of
from pileus.services.cloudformation.engine import begin, runner
from pileus.services.cloudformation.model import Stack, Wanted
from pileus.services.cloudformation.proposals import propose

Begun = tuple[str, str, str]
"""The stack's uuid and id, and the id of the operation."""


async def created(
    call: StreamCall, request: Mapping[str, Any], *, policy: str = "", parent: Stack | None = None
) -> Begun:
    """Begin to create a stack as CreateStack takes it.

    Raises:
        ServiceError: ValidationError, AlreadyExistsException and others, before anything is made.
    """
    name, uuid = request["StackName"], call.new_id()
    if call.read(lambda c: c.state.get(("stack_name", name))) is not None:
        raise errors.already_exists(name)
    stack = Stack(
        uuid=uuid,
        id=call.arn(f"stack/{name}/{uuid}"),
        name=name,
        status="REVIEW_IN_PROGRESS",
        sequence=0,
        created_ms=0,
        wanted=Wanted(template=""),
        timeout_minutes=request.get("TimeoutInMinutes") or 0,
        is_protected=bool(request.get("EnableTerminationProtection")),
        policy=policy,
        parent_id=parent.id if parent else "",
        root_id=(parent.root_id or parent.id) if parent else "",
    )
    proposal = await propose(call, request, stack)
    await comparison.changes(call, None, proposal)
    start = await start_of(call, stack, proposal.wanted, request, proposal.text)
    on_failure = request.get("OnFailure") or "ROLLBACK"
    if request.get("DisableRollback"):
        on_failure = "DO_NOTHING"
    start = begin.with_on_failure(start, on_failure)
    stack.disable_rollback = on_failure == "DO_NOTHING"

    def create(call: WriteCall) -> list[str]:
        stack.wanted = proposal.wanted
        begin.new_stack(call, stack, proposal.text)
        begin.begin_create(call, stack, start)
        return [stack.uuid, stack.id, start.id]

    uuid, stack_id, operation_id = await call.write(create, once=True)
    runner.spawn(call, uuid, operation_id)
    return uuid, stack_id, operation_id


async def updated(call: StreamCall, request: Mapping[str, Any], *, policy: str = "") -> Begun:
    """Begin to update a stack as UpdateStack takes it.

    Raises:
        ServiceError: ValidationError, also when there is nothing to update.
    """
    name = request["StackName"]
    stack = call.read(lambda c: store.look_up(c.state, name))
    if stack is None or stack.status == "DELETE_COMPLETE":
        raise errors.stack_does_not_exist(name)
    begin.check_updatable(stack)
    proposal = await propose(call, request, stack)
    _, is_changed = await comparison.changes(call, stack, proposal)
    if not is_changed and not stack.status.endswith("FAILED"):
        raise errors.no_updates()
    start = await start_of(call, stack, proposal.wanted, request, proposal.text)
    if request.get("DisableRollback"):
        start = begin.with_on_failure(start, "DO_NOTHING")
    uuid = stack.uuid

    def update(call: WriteCall) -> list[str]:
        present = store.stack(call.state, uuid)
        begin.check_updatable(present)
        wanted = proposal.wanted
        wanted.template = store.put_template(call.state, uuid, proposal.text)
        present.disable_rollback = start.on_failure == "DO_NOTHING"
        begin.begin_update(call, present, wanted, start)
        _outdate_change_sets(call, uuid)
        if policy:
            present.policy = policy
            store.put_stack(call.state, present)
        return [present.uuid, present.id, start.id]

    uuid, stack_id, operation_id = await call.write(update, once=True)
    runner.spawn(call, uuid, operation_id)
    return uuid, stack_id, operation_id


def _outdate_change_sets(call: WriteCall, uuid: str) -> None:
    """What they were compared with is not the stack any more."""
    for change_set in store.change_sets(call.state, uuid):
        if change_set.execution_status == "AVAILABLE":
            change_set.execution_status = "OBSOLETE"
            store.put_change_set(call.state, change_set)
