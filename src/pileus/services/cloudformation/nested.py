"""Stacks as resources of stacks.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html
"""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import ReadCall, StepCall, StreamCall, WriteCall
from pileus.kernel.resources import PartlyCreated, Resource, ResourceRequest, require
from pileus.languages.cfn.model import text_of
from pileus.services.cloudformation import errors, store
from pileus.services.cloudformation.creation import created, updated
from pileus.services.cloudformation.engine.failing import cancel_others
from pileus.services.cloudformation.model import Stack
from pileus.values.errors import ServiceError

_LOOK_EVERY_MS = 1000
_NAME_LENGTH_MAX = 128


async def create(call: StreamCall, request: ResourceRequest) -> Resource:
    """Create the stack and wait for it; one that fails is left for the parent to delete."""
    name = request.generated_name(_NAME_LENGTH_MAX)
    parent = call.read(lambda c: store.find(c.state, request.stack_id))
    child = call.read(lambda c: store.look_up(c.state, name))
    if child is None:
        given = {"StackName": name, "OnFailure": "DO_NOTHING", **_wanted(request, parent)}
        if "TimeoutInMinutes" in request.properties:
            given["TimeoutInMinutes"] = int(text_of(request.properties["TimeoutInMinutes"]))
        _, stack_id, _ = await created(call, given, parent=parent)
    elif child.parent_id == parent.id:
        # An earlier run of this step made it.
        stack_id = child.id
    else:
        raise errors.already_exists(name)
    child = await _at_rest(call, stack_id, parent.uuid)
    if child.status != "CREATE_COMPLETE":
        sentence = f"Embedded stack {child.id} was not successfully created: {child.status_reason}"
        raise PartlyCreated(Resource(child.id), errors.validation(sentence))
    return _resource(child)


async def update(call: StreamCall, request: ResourceRequest) -> Resource:
    """Update the stack and wait for it; one that fails rolls itself back."""
    assert isinstance(call, StepCall)
    parent = call.read(lambda c: store.find(c.state, request.stack_id))
    given = {"StackName": request.physical_id, **_wanted(request, parent)}
    given["ClientRequestToken"] = call.step_id[-128:]
    is_begun = call.read(lambda c: _is_begun(c, request.physical_id, given["ClientRequestToken"]))
    if not is_begun:
        try:
            await updated(call, given)
        except ServiceError as error:
            if error.message != errors.no_updates().message:
                raise
            return _resource(call.read(lambda c: store.find(c.state, request.physical_id)))
    child = await _at_rest(call, request.physical_id, parent.uuid)
    if child.status != "UPDATE_COMPLETE":
        raise _not_updated(child)
    return _resource(child)


async def delete(call: StreamCall, request: ResourceRequest) -> None:
    """Delete the stack and wait for it."""
    await call.invoke("cloudformation", "DeleteStack", {"StackName": request.physical_id})
    child = call.read(lambda c: store.look_up(c.state, request.physical_id))
    if child is None:
        return
    child = await _at_rest(call, child.id, "")
    if child.status != "DELETE_COMPLETE":
        raise errors.validation(
            f"Embedded stack {child.id} was not successfully deleted: {child.status_reason}"
        )


def _wanted(request: ResourceRequest, parent: Stack) -> dict[str, Any]:
    properties = request.properties
    parameters = properties.get("Parameters") or {}
    given: dict[str, Any] = {
        "TemplateURL": require(request, "TemplateURL"),
        "Capabilities": parent.wanted.capabilities,
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": _parameter(value)}
            for key, value in parameters.items()
        ],
        "Tags": list(properties.get("Tags") or ()),
        "NotificationARNs": list(properties.get("NotificationARNs") or ()),
    }
    if parent.wanted.role_arn:
        given["RoleARN"] = parent.wanted.role_arn
    return given


def _parameter(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(text_of(item) for item in value)
    return text_of(value)


def _resource(child: Stack) -> Resource:
    return Resource(child.id, {f"Outputs.{each.key}": each.value for each in child.outputs})


def _not_updated(child: Stack) -> ServiceError:
    return errors.validation(
        f"Embedded stack {child.id} was not successfully updated. Currently in {child.status} with "
        f"reason: {child.status_reason}"
    )


def _is_begun(call: ReadCall, stack_id: str, token: str) -> bool:
    operation = store.operation(call.state, store.uuid_of(stack_id))
    return operation is not None and operation.client_token == token


async def _at_rest(call: StreamCall, stack_id: str, parent_uuid: str) -> Stack:
    """The stack once nothing is under way on it; it is cancelled when its parent is failing."""
    uuid = store.uuid_of(stack_id)

    def look(call: ReadCall) -> Stack | None:
        operation = store.operation(call.state, uuid)
        return store.stack(call.state, uuid) if operation is None or operation.is_paused else None

    def cancel(call: WriteCall) -> None:
        above = store.operation(call.state, parent_uuid)
        operation = store.operation(call.state, uuid)
        if above is None or not above.is_failing or operation is None:
            return
        if operation.phase == "apply" and not operation.is_failing:
            operation.reason = "Resource creation cancelled"
            cancel_others(call, store.stack(call.state, uuid), operation)

    while True:
        until_ms = call.clock.now_ms() + _LOOK_EVERY_MS
        found = await call.until(store.wake_key(uuid), until_ms, look)
        if found is not None:
            return found
        if parent_uuid and call.read(lambda c: _is_failing(c, parent_uuid)):
            await call.write(cancel)


def _is_failing(call: ReadCall, uuid: str) -> bool:
    operation = store.operation(call.state, uuid)
    return operation is not None and operation.is_failing and operation.phase == "apply"
