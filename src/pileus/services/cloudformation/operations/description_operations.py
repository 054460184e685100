"""Stacks, their history, resources and exports, as they stand.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.cloudformation import errors, store
from pileus.services.cloudformation.limits import LIMITS
from pileus.services.cloudformation.model import Event, Stack, StackResource
from pileus.services.cloudformation.paging import page
from pileus.services.cloudformation.telling import (
    event_told,
    resource_told,
    stack_summary,
    stack_told,
)


@read
def describe_stacks(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """One stack (a deleted one by its id), or all that are not deleted."""
    if name := request.get("StackName"):
        found = [store.find(call.state, name)]
    else:
        found = [s for s in store.all_stacks(call.state) if s.status != "DELETE_COMPLETE"]
    return page("Stacks", found, request, stack_told)


@read
def list_stacks(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Every stack of the last 90 days, newest first."""
    wanted = request.get("StackStatusFilter")
    found = [s for s in store.all_stacks(call.state) if not wanted or s.status in wanted]
    return page("StackSummaries", found, request, stack_summary)


@read
def describe_stack_events(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A stack's history, newest first."""
    stack = store.look_up(call.state, request.get("StackName") or "")
    if stack is None:
        raise errors.stack_does_not_exist(request.get("StackName") or "")
    found = store.events(call.state, stack.uuid)
    return page("StackEvents", found, request, lambda event: event_told(stack, event))


@read
def describe_stack_resource(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """One resource with its metadata."""
    name, logical_id = request["StackName"], request["LogicalResourceId"]
    stack = store.look_up(call.state, name)
    if stack is None:
        raise errors.quoted_stack_does_not_exist(name)
    found = store.resource(call.state, stack.uuid, logical_id)
    if found is None:
        raise errors.resource_does_not_exist(logical_id, name)
    told = {**_of(stack), **resource_told(found, "LastUpdatedTimestamp")}
    if found.metadata is not None:
        told["Metadata"] = orjson.dumps(found.metadata).decode()
    return {"StackResourceDetail": told}


@read
def describe_stack_resources(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The resources of a stack, or of the stack that has a physical resource."""
    name, physical_id = request.get("StackName"), request.get("PhysicalResourceId")
    if name and physical_id:
        raise errors.validation(
            "You cannot specify both StackName and PhysicalResourceId in the same request."
        )
    if name:
        stack = store.find(call.state, name)
    elif physical_id:
        stack = _owner(call, physical_id)
    else:
        raise errors.validation(
            "At least one of [StackName, PhysicalResourceId] must be specified."
        )
    found = _ordered(call, stack)
    if wanted := request.get("LogicalResourceId"):
        found = [each for each in found if each.logical_id == wanted]
        if not found:
            raise errors.resource_does_not_exist(wanted, stack.name)
    told = [{**_of(stack), **resource_told(each, "Timestamp")} for each in found[: LIMITS.page]]
    return {"StackResources": told}


def _owner(call: ReadCall, physical_id: str) -> Stack:
    for stack in store.all_stacks(call.state):
        if stack.status == "DELETE_COMPLETE":
            continue
        if any(r.physical_id == physical_id for r in _ordered(call, stack)):
            return stack
    raise errors.validation(f"Stack for {physical_id} does not exist")


@read
def list_stack_resources(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The resources of a stack in short."""
    stack = store.find(call.state, request["StackName"])
    found = _ordered(call, stack)
    return page(
        "StackResourceSummaries",
        found,
        request,
        lambda each: resource_told(each, "LastUpdatedTimestamp"),
    )


def _ordered(call: ReadCall, stack: Stack) -> list[StackResource]:
    return list(store.resources(call.state, stack.uuid).values())


def _of(stack: Stack) -> dict[str, Any]:
    return {"StackId": stack.id, "StackName": stack.name}


@read
def list_exports(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Every exported output value of the account in this region."""
    return page(
        "Exports",
        store.exports(call.state),
        request,
        lambda each: {"ExportingStackId": each.stack_id, "Name": each.name, "Value": each.value},
    )


@read
def list_imports(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The stacks that use an export."""
    name = request["ExportName"]
    if store.export(call.state, name) is None:
        raise errors.validation(f"Export '{name}' does not exist.")
    users = store.importers(call.state, name)
    if not users:
        raise errors.validation(f"Export '{name}' is not imported by any stack.")
    return page("Imports", users, request, lambda each: each)


@read
def describe_account_limits(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The quotas that there are here."""
    limits = {
        "StackLimit": LIMITS.stacks_max,
        "StackOutputsLimit": LIMITS.stack_outputs_max,
        "ConcurrentResourcesLimit": LIMITS.steps_at_once,
    }
    told = [{"Name": name, "Value": value} for name, value in limits.items()]
    return {"AccountLimits": told}


@write
def signal_resource(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Refused: no resource here waits for signals of a CreationPolicy."""
    raise errors.not_supported("SignalResource")


@read
def describe_events(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A stack's history as operation events; a change set's validation finds nothing here."""
    if request.get("OperationId"):
        raise errors.not_supported("DescribeEvents by OperationId")
    set_name, name = request.get("ChangeSetName"), request.get("StackName")
    if set_name:
        if store.look_up_change_set(call.state, set_name, name) is None:
            raise errors.change_set_not_found(set_name)
        return {"OperationEvents": []}
    stack = store.look_up(call.state, name or "")
    if stack is None:
        raise errors.stack_does_not_exist(name or "")
    found = store.events(call.state, stack.uuid)
    if (request.get("Filters") or {}).get("FailedEvents"):
        found = [each for each in found if each.status.endswith("_FAILED")]
    return page("OperationEvents", found, request, lambda event: _operation_event(stack, event))


def _operation_event(stack: Stack, event: Event) -> dict[str, Any]:
    told = event_told(stack, event)
    del told["StackName"]
    return {**told, "EventType": "STACK_EVENT"}
