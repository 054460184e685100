"""Change sets: what an update would do, told first and carried out when asked.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import read, stream, write
from pileus.services.cloudformation import comparison, errors, store
from pileus.services.cloudformation.beginning import settle_soon, start_of
from pileus.services.cloudformation.engine import begin, changes, runner
from pileus.services.cloudformation.model import ChangeSet, Stack, Wanted
from pileus.services.cloudformation.paging import page
from pileus.services.cloudformation.proposals import Proposal, propose
from pileus.services.cloudformation.telling import (
    change_set_summary,
    parameters_told,
    tags_told,
)
from pileus.values.body import Body

_NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a "
    "change set."
)
_ON_FAILURE = {"ROLLBACK": "ROLLBACK", "DELETE": "DELETE", "DO_NOTHING": "DO_NOTHING", "": ""}


@dataclass(frozen=True, slots=True)
class _Draft:
    """A change set worked out but not kept yet."""

    stack: Stack
    is_new: bool
    proposal: Proposal
    change_set: ChangeSet


@stream
async def create_change_set(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Work out a change set; it is complete, or failed, when the call answers."""
    del body
    kind = request.get("ChangeSetType") or "UPDATE"
    if request.get("ResourcesToImport"):
        raise errors.not_supported("ResourcesToImport in change sets")
    if kind not in ("CREATE", "UPDATE"):
        raise errors.not_supported(f"change sets of type {kind}")
    draft = await _drafted(call, request, kind)

    def keep(call: WriteCall) -> dict[str, Any]:
        _keep(call, draft)
        return {"Id": draft.change_set.id, "StackId": draft.stack.id}

    return await call.write(keep, once=True)


async def _drafted(call: StreamCall, request: Mapping[str, Any], kind: str) -> _Draft:
    name = request["StackName"]
    found = call.read(lambda c: store.look_up(c.state, name))
    if kind == "UPDATE":
        if found is None or found.status == "DELETE_COMPLETE":
            raise errors.stack_does_not_exist(name)
        begin.check_updatable(found)
    elif found is not None and found.status != "REVIEW_IN_PROGRESS":
        raise errors.validation(
            f"Stack [{name}] already exists and cannot be created again with the changeSet "
            f"[{request['ChangeSetName']}]."
        )
    uuid = call.new_id()
    stack = found or Stack(
        uuid=uuid,
        id=call.arn(f"stack/{name}/{uuid}"),
        name=name,
        status="REVIEW_IN_PROGRESS",
        sequence=0,
        created_ms=0,
        wanted=Wanted(template=""),
    )
    proposal = await propose(call, request, stack)
    told, is_changed = await comparison.changes(call, stack, proposal)
    set_uuid, set_name = call.new_id(), request["ChangeSetName"]
    change_set = ChangeSet(
        uuid=set_uuid,
        id=call.arn(f"changeSet/{set_name}/{set_uuid}"),
        name=set_name,
        stack_uuid=stack.uuid,
        kind="CREATE" if kind == "CREATE" else "UPDATE",
        status="CREATE_COMPLETE" if is_changed else "FAILED",
        status_reason="" if is_changed else _NO_CHANGES,
        execution_status="AVAILABLE" if is_changed else "UNAVAILABLE",
        description=request.get("Description") or "",
        created_ms=call.now_ms,
        wanted=proposal.wanted,
        changes=told,
        on_failure=_ON_FAILURE[request.get("OnStackFailure") or ""],
        client_token=request.get("ClientToken") or "",
        include_nested=bool(request.get("IncludeNestedStacks")),
        imports_existing=bool(request.get("ImportExistingResources")),
    )
    return _Draft(stack, found is None, proposal, change_set)


def _keep(call: WriteCall, draft: _Draft) -> None:
    stack, change_set = draft.stack, draft.change_set
    if draft.is_new:
        stack.wanted = draft.proposal.wanted
        begin.new_stack(call, stack, draft.proposal.text)
        changes.set_status(call, stack, "REVIEW_IN_PROGRESS", "User Initiated")
    other = store.look_up_change_set(call.state, change_set.name, stack.id)
    if other is not None:
        # Tools name change sets by the second; here two can be made in one.
        if other.status != "FAILED":
            raise errors.change_set_exists(change_set.name)
        store.delete_change_set(call.state, other)
    digest = store.put_template(call.state, stack.uuid, draft.proposal.text)
    change_set.wanted.template = digest
    store.put_change_set(call.state, change_set)


@read
def describe_change_set(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A change set with a page of its changes."""
    change_set, stack = _find(call, request)
    wanted = change_set.wanted
    told = {
        **change_set_summary(change_set, stack),
        "Parameters": parameters_told(wanted.parameters),
        "NotificationARNs": wanted.notification_arns,
        "RollbackConfiguration": {},
        "Capabilities": wanted.capabilities,
        "Tags": tags_told(wanted.tags),
        "ImportExistingResources": change_set.imports_existing,
        **page("Changes", change_set.changes, request, lambda change: change),
    }
    if change_set.on_failure:
        told["OnStackFailure"] = change_set.on_failure
    return told


@read
def list_change_sets(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The change sets of a stack, oldest first."""
    stack = store.look_up(call.state, request["StackName"])
    if stack is None:
        raise errors.stack_does_not_exist(request["StackName"])
    found = sorted(store.change_sets(call.state, stack.uuid), key=lambda each: each.created_ms)
    return page("Summaries", found, request, lambda each: change_set_summary(each, stack))


@write
def delete_change_set(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Forget a change set; one that does not exist is no error."""
    stack_name = request.get("StackName")
    if stack_name and store.look_up(call.state, stack_name) is None:
        raise errors.stack_does_not_exist(stack_name)
    found = store.look_up_change_set(call.state, request["ChangeSetName"], stack_name)
    if found is not None:
        if found.execution_status == "EXECUTE_IN_PROGRESS":
            raise errors.change_set_not_deletable(found.id, found.execution_status)
        store.delete_change_set(call.state, found)
        store.sweep_templates(call.state, found.stack_uuid)
    return {}


@stream
async def execute_change_set(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Begin to carry out a change set."""
    del body
    change_set, stack = call.read(lambda c: _find(c, request))
    _check_executable(change_set)
    start = await start_of(call, stack, change_set.wanted, request)
    on_failure = "DO_NOTHING" if request.get("DisableRollback") else change_set.on_failure
    start = begin.with_on_failure(start, on_failure or "ROLLBACK")

    def execute(call: WriteCall) -> dict[str, Any]:
        change_set, stack = _find(call, request)
        _check_executable(change_set)
        stack.change_set_id = change_set.id
        stack.disable_rollback = start.on_failure == "DO_NOTHING"
        for other in store.change_sets(call.state, stack.uuid):
            store.delete_change_set(call.state, other)
        change_set.execution_status = "EXECUTE_COMPLETE"
        store.put_change_set(call.state, change_set)
        if change_set.kind == "CREATE":
            stack.wanted, stack.created_ms = change_set.wanted, call.now_ms
            begin.begin_create(call, stack, start)
        else:
            begin.begin_update(call, stack, change_set.wanted, start)
        return {}

    output = await call.write(execute, once=True)
    runner.spawn(call, stack.uuid, start.id)
    await settle_soon(call, stack.uuid, start.id)
    return output


def _check_executable(change_set: ChangeSet) -> None:
    status, execution = change_set.status, change_set.execution_status
    if status != "CREATE_COMPLETE":
        raise errors.change_set_not_executable(change_set.id, "status", status)
    if execution != "AVAILABLE":
        raise errors.change_set_not_executable(change_set.id, "execution status", execution)


def _find(call: ReadCall, request: Mapping[str, Any]) -> tuple[ChangeSet, Stack]:
    """The change set asked for and its stack; raises ChangeSetNotFound or ValidationError."""
    name, stack_name = request["ChangeSetName"], request.get("StackName")
    if not name.startswith("arn:"):
        if not stack_name:
            raise errors.validation(
                "StackName must be specified if ChangeSetName is not specified as an ARN."
            )
        if store.look_up(call.state, stack_name) is None:
            raise errors.stack_does_not_exist(stack_name)
    found = store.look_up_change_set(call.state, name, stack_name)
    if found is None:
        raise errors.change_set_not_found(name)
    return found, store.stack(call.state, found.stack_uuid)
