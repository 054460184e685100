"""Stacks begun and ended directly.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import StreamCall, WriteCall
from pileus.kernel.operations import stream, write
from pileus.services.cloudformation import errors, store
from pileus.services.cloudformation.beginning import settle_soon
from pileus.services.cloudformation.creation import created, updated
from pileus.services.cloudformation.engine import begin, changes, runner
from pileus.services.cloudformation.engine.failing import cancel_others
from pileus.services.cloudformation.policies import text_of_policy
from pileus.services.cloudformation.proposals import actor_of
from pileus.services.cloudformation.templates import check_stack_name
from pileus.values.body import Body


@stream
async def create_stack(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Begin to create a stack."""
    del body
    check_stack_name(request["StackName"])
    if "OnFailure" in request and "DisableRollback" in request:
        raise errors.validation("You may not specify both DisableRollback and OnFailure.")
    policy = await text_of_policy(call, request, "StackPolicyBody", "StackPolicyURL")
    uuid, stack_id, operation_id = await created(call, request, policy=policy)
    await settle_soon(call, uuid, operation_id)
    return {"StackId": stack_id}


@stream
async def update_stack(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Begin to update a stack."""
    del body
    policy = await text_of_policy(call, request, "StackPolicyBody", "StackPolicyURL")
    uuid, stack_id, operation_id = await updated(call, request, policy=policy)
    await settle_soon(call, uuid, operation_id)
    return {"StackId": stack_id}


@stream
async def delete_stack(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Begin to delete a stack; one that does not exist is no error."""
    del body
    name, operation_id = request["StackName"], call.new_id()

    def remove(call: WriteCall) -> list[str]:
        stack = store.look_up(call.state, name)
        if stack is None or stack.status == "DELETE_COMPLETE":
            return []
        role_arn = request.get("RoleARN") or stack.wanted.role_arn
        removal = begin.Removal(
            id=operation_id,
            actor=actor_of(call, role_arn),
            endpoint=call.context.endpoint,
            client_token=request.get("ClientRequestToken") or "",
            retain=tuple(request.get("RetainResources") or ()),
            is_forced=request.get("DeletionMode") == "FORCE_DELETE_STACK",
        )
        return [stack.uuid] if begin.begin_delete(call, stack, removal) else []

    for uuid in await call.write(remove, once=True):
        runner.spawn(call, uuid, operation_id)
        await settle_soon(call, uuid, operation_id)
    return {}


@write
def cancel_update_stack(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Roll an update back that is under way."""
    stack = store.look_up(call.state, request["StackName"])
    if stack is None:
        raise errors.stack_does_not_exist(request["StackName"])
    operation = store.operation(call.state, stack.uuid)
    if stack.status != "UPDATE_IN_PROGRESS" or operation is None:
        raise errors.validation("CancelUpdateStack cannot be called from current stack status")
    if not operation.is_failing:
        operation.reason = "User Initiated"
        operation.on_failure = "ROLLBACK"
        cancel_others(call, stack, operation)
    return {}


@stream
async def continue_update_rollback(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Go on with a rollback that failed."""
    del body
    operation_id = call.new_id()

    def go_on(call: WriteCall) -> str:
        stack = store.look_up(call.state, request["StackName"])
        if stack is None:
            raise errors.stack_does_not_exist(request["StackName"])
        operation = store.operation(call.state, stack.uuid)
        if stack.status != "UPDATE_ROLLBACK_FAILED" or operation is None:
            raise errors.validation(
                f"Stack:{stack.id} is in {stack.status} state and can not continue update rollback."
            )
        role_arn = request.get("RoleARN") or stack.wanted.role_arn
        operation.id, operation.is_paused = operation_id, False
        operation.actor = actor_of(call, role_arn)
        operation.failed_to, operation.retain = {}, list(request.get("ResourcesToSkip") or ())
        operation.client_token = request.get("ClientRequestToken") or ""
        for step in store.steps(call.state, stack.uuid):
            if step.state != "done":
                step.state = "pending"
                store.put_step(call.state, stack.uuid, step)
        store.put_operation(call.state, stack.uuid, operation)
        reason, token = "User Initiated", operation.client_token
        changes.set_status(call, stack, "UPDATE_ROLLBACK_IN_PROGRESS", reason, token)
        return stack.uuid

    uuid = await call.write(go_on, once=True)
    runner.spawn(call, uuid, operation_id)
    await settle_soon(call, uuid, operation_id)
    return {}


@write
def update_termination_protection(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Protect a stack from deletion, or no longer."""
    stack = store.look_up(call.state, request["StackName"])
    if stack is None:
        raise errors.stack_does_not_exist(request["StackName"])
    if stack.parent_id:
        raise errors.validation(
            f"Termination protection cannot be changed on nested stack {stack.name}."
        )
    stack.is_protected = request["EnableTerminationProtection"]
    store.put_stack(call.state, stack)
    return {"StackId": stack.id}
