"""State machines. https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from pileus.kernel.calls import Call, ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.stepfunctions import errors, paging, programs, store, tagging
from pileus.services.stepfunctions.dispatching import Dispatcher
from pileus.services.stepfunctions.limits import LIMITS
from pileus.services.stepfunctions.model import STANDARD, STOP_ALL, Due, Machine, Revision
from pileus.services.stepfunctions.names import (
    check_name,
    execution_id,
    machine_arn,
    machine_name,
)
from pileus.services.stepfunctions.roles import Roles
from pileus.values.times import utc

_ALL_DATA = "ALL_DATA"
_SETTINGS = {
    "loggingConfiguration": "logging",
    "tracingConfiguration": "tracing",
    "encryptionConfiguration": "encryption",
}


async def _role_is_good(call: StreamCall, request: Mapping[str, Any]) -> None:
    """Refuse a role that Step Functions may not assume, and see to what will be due."""
    call.own(Dispatcher).attend(call)
    if request.get("publish") or request.get("versionDescription"):
        raise errors.not_yet("versions of state machines")
    if request.get("roleArn"):
        await call.own(Roles).assume(call, request["roleArn"], "states")


def _settings(request: Mapping[str, Any]) -> dict[str, Any]:
    return {
        field: dict(request[member])
        for member, field in _SETTINGS.items()
        if request.get(member) is not None
    }


@write(prepare=_role_is_good)
def create_state_machine(
    call: WriteCall, request: Mapping[str, Any], prepared: None
) -> dict[str, Any]:
    """Create one; the same request again changes nothing and answers the same."""
    name, kind = check_name(request["name"]), request.get("type") or STANDARD
    digest = programs.checked(request["definition"], kind)
    arn = machine_arn(call, name)
    settings = _settings(request)
    found = store.machine(call, name)
    if found is not None:
        _check_same(found, kind, digest, settings, arn)
        return {"stateMachineArn": arn, "creationDate": utc(found.created_ms)}
    if store.live_names(call, name, 1):
        raise errors.machine_deleting(arn)
    if len(store.machines(call)) >= LIMITS.machines_max:
        raise errors.machine_limit(LIMITS.machines_max)
    revision = Revision(
        id=call.new_id(),
        digest=digest,
        role_arn=request["roleArn"],
        updated_ms=call.now_ms,
        **settings,
    )
    machine = Machine(
        name=name,
        type=kind,
        created_ms=call.now_ms,
        revision=revision,
        creation_id=revision.id,
        tags=tagging.added(arn, {}, request.get("tags") or ()),
    )
    store.put_definition(call, digest, request["definition"])
    store.put_machine(call, machine)
    return {"stateMachineArn": arn, "creationDate": utc(call.now_ms)}


def _check_same(
    found: Machine, kind: str, digest: str, settings: Mapping[str, Any], arn: str
) -> None:
    """AWS compares name, definition, type and settings; not the role, nor the tags."""
    revision = found.revision
    same = (revision.digest, found.type) == (digest, kind) and all(
        getattr(revision, field) == settings.get(field, {}) for field in _SETTINGS.values()
    )
    if not same:
        raise errors.machine_exists(arn)


def found_machine(call: ReadCall, arn: str) -> Machine:
    """The state machine of an ARN; StateMachineDoesNotExist."""
    machine = store.machine(call, machine_name(arn))
    if machine is None or arn != machine_arn(call, machine.name):
        raise errors.machine_not_found(arn)
    return machine


@write(prepare=_role_is_good)
def update_state_machine(
    call: WriteCall, request: Mapping[str, Any], prepared: None
) -> dict[str, Any]:
    """Change what the next executions begin with; those that run keep to what they have."""
    machine = found_machine(call, request["stateMachineArn"])
    settings = _settings(request)
    text, role_arn = request.get("definition"), request.get("roleArn")
    if text is None and role_arn is None and not settings:
        raise errors.missing_parameter(
            "Either the definition, the role ARN, the "
            "LoggingConfiguration, or the TracingConfiguration must be specified"
        )
    digest = machine.revision.digest
    if text is not None:
        digest = programs.checked(text, machine.type)
        store.put_definition(call, digest, text)
    machine.revision = replace(
        machine.revision,
        id=call.new_id(),
        digest=digest,
        role_arn=role_arn or machine.revision.role_arn,
        updated_ms=call.now_ms,
        **settings,
    )
    store.put_machine(call, machine)
    return {"updateDate": utc(call.now_ms), "revisionId": machine.revision.id}


@write
def delete_state_machine(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Delete one and stop its executions; one that is not there is no error."""
    name = machine_name(request["stateMachineArn"])
    if store.machine(call, name) is None:
        return
    store.delete_machine(call, name)
    if store.live_names(call, name, 1):
        store.put_due(call, Due(kind=STOP_ALL, item=name))


def _described(
    call: ReadCall, machine_name: str, revision: Revision, request: Mapping[str, Any]
) -> dict[str, Any]:
    """What descriptions of a state machine as it is, and as it was, have in common."""
    shown: dict[str, Any] = {
        "stateMachineArn": machine_arn(call, machine_name),
        "name": machine_name,
        "definition": "",
        "roleArn": revision.role_arn,
        "loggingConfiguration": {
            "level": "OFF",
            "includeExecutionData": False,
            **revision.logging,
        },
        "tracingConfiguration": {"enabled": False, **revision.tracing},
        "encryptionConfiguration": revision.encryption or {"type": "AWS_OWNED_KEY"},
    }
    if (request.get("includedData") or _ALL_DATA) == _ALL_DATA:
        shown["definition"] = store.definition(call, revision.digest)
    return shown


@read
def describe_state_machine(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """One state machine as it is."""
    machine = found_machine(call, request["stateMachineArn"])
    shown = _described(call, machine.name, machine.revision, request)
    shown |= {"status": "ACTIVE", "type": machine.type, "creationDate": utc(machine.created_ms)}
    if machine.revision.id != machine.creation_id:
        shown["revisionId"] = machine.revision.id
    return shown


@read
def describe_state_machine_for_execution(
    call: ReadCall, request: Mapping[str, Any]
) -> dict[str, Any]:
    """The state machine as an execution began with it."""
    arn = request["executionArn"]
    execution = store.execution(call, execution_id(arn))
    if execution is None:
        raise errors.execution_not_found(arn)
    revision = store.revision(call, execution.machine, execution.revision_id)
    shown = _described(call, execution.machine, revision, request)
    return {**shown, "updateDate": utc(revision.updated_ms), "revisionId": revision.id}


def _listed(call: Call, machine: Machine) -> dict[str, Any]:
    return {
        "stateMachineArn": machine_arn(call, machine.name),
        "name": machine.name,
        "type": machine.type,
        "creationDate": utc(machine.created_ms),
    }


@read
def list_state_machines(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """All of them, the latest first."""
    found = sorted(store.machines(call), key=lambda each: (-each.created_ms, each.name))
    return paging.page("stateMachines", [_listed(call, each) for each in found], request)
