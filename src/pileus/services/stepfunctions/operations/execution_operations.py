"""Executions. https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.languages.asl.events import Event, wire_event
from pileus.languages.asl.json_text import decode, size_bytes
from pileus.languages.asl.run_state import ExecutionContext
from pileus.languages.asl.timestamps import format_timestamp
from pileus.services.stepfunctions import advancing, errors, express, paging, store
from pileus.services.stepfunctions.limits import LIMITS
from pileus.services.stepfunctions.model import EXPRESS, RUNNING, Execution, Machine
from pileus.services.stepfunctions.names import (
    check_name,
    execution_arn,
    execution_id,
    machine_arn,
)
from pileus.services.stepfunctions.operations.machine_operations import found_machine
from pileus.values.keys import Key
from pileus.values.page_tokens import page_token, parse_page_token, parse_position
from pileus.values.times import utc

_DATA_MEMBERS = ("input", "output", "parameters", "cause", "error")


def checked_input(request: Mapping[str, Any]) -> str:
    """The input as JSON; InvalidExecutionInput, ValidationException past the size."""
    text: str = request.get("input") or "{}"
    if size_bytes(text) > LIMITS.payload_bytes_max:
        raise errors.validation(
            "1 validation error detected: Value at 'input' failed to satisfy constraint: Member "
            f"must have length less than or equal to {LIMITS.payload_bytes_max}"
        )
    try:
        decode(text)
    except ValueError as error:
        raise errors.invalid_input(str(error)) from None
    return text


@write
def start_execution(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Begin an execution; the same name with the same input finds the one that runs already."""
    machine = found_machine(call, request["stateMachineArn"])
    text = checked_input(request)
    name = check_name(request.get("name") or call.new_id())
    if machine.type == EXPRESS:
        return express.accept(call, machine, name, text)
    digest = hashlib.sha256(text.encode()).digest()
    known = store.execution(call, f"{machine.name}:{name}")
    if known is not None:
        return _again(call, known, digest)
    execution = Execution(
        machine=machine.name,
        name=name,
        revision_id=machine.revision.id,
        digest=machine.revision.digest,
        input_digest=digest,
        started_ms=call.now_ms,
        trace=request.get("traceHeader") or "",
    )
    arn = execution_arn(call, execution.id)
    advancing.begin(call, execution, text, _context(call, machine, name, arn))
    return {"executionArn": arn, "startDate": utc(call.now_ms)}


def _again(call: WriteCall, known: Execution, digest: bytes) -> dict[str, Any]:
    arn = execution_arn(call, known.id)
    if known.status != RUNNING or known.input_digest != digest:
        raise errors.execution_exists(arn)
    return {"executionArn": arn, "startDate": utc(known.started_ms)}


def _context(call: WriteCall, machine: Machine, name: str, arn: str) -> ExecutionContext:
    return ExecutionContext(
        execution_arn=arn,
        name=name,
        role_arn=machine.revision.role_arn,
        state_machine_arn=machine_arn(call, machine.name),
        state_machine_name=machine.name,
        start_time=format_timestamp(call.now_ms),
        region=call.region,
    )


def _found(call: ReadCall, arn: str) -> Execution:
    found = store.execution(call, execution_id(arn))
    if found is None or arn != execution_arn(call, found.id):
        raise errors.execution_not_found(arn)
    return found


@write
def stop_execution(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Abort an execution; one that is over stays as it is."""
    execution = _found(call, request["executionArn"])
    if execution.status != RUNNING:
        return {"stopDate": utc(execution.stopped_ms)}
    advancing.stop(call, execution.id, request.get("error"), request.get("cause"))
    return {"stopDate": utc(call.now_ms)}


@read
def describe_execution(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """One execution, with its input and what came of it."""
    execution = _found(call, request["executionArn"])
    is_whole = (request.get("includedData") or "ALL_DATA") == "ALL_DATA"
    first = store.events(call, execution.id, 1, 1)[0].details or {}
    shown: dict[str, Any] = {
        **_listed(call, execution),
        "inputDetails": {"included": is_whole},
        "redriveCount": 0,
        "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": _why_not_redrivable(execution),
    }
    if is_whole:
        shown["input"] = first["input"]
    if execution.trace:
        shown["traceHeader"] = execution.trace
    if execution.status != RUNNING:
        last = store.events(call, execution.id, execution.event_last, 1)[0].details or {}
        if "output" in last:
            shown["outputDetails"] = {"included": is_whole}
        shown |= {
            name: last[name]
            for name in ("output", "error", "cause")
            if name in last and (is_whole or name == "error")
        }
    return shown


def _why_not_redrivable(execution: Execution) -> str:
    if execution.status == RUNNING:
        return "Execution is RUNNING and cannot be redriven"
    if execution.status == "SUCCEEDED":
        return "Execution is SUCCEEDED and cannot be redriven"
    return "Pileus does not redrive executions yet"


def _listed(call: ReadCall, execution: Execution) -> dict[str, Any]:
    shown = {
        "executionArn": execution_arn(call, execution.id),
        "stateMachineArn": machine_arn(call, execution.machine),
        "name": execution.name,
        "status": execution.status,
        "startDate": utc(execution.started_ms),
        "redriveCount": 0,
    }
    if execution.stopped_ms:
        shown["stopDate"] = utc(execution.stopped_ms)
    return shown


@read
def list_executions(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Executions of a state machine, the latest first."""
    if request.get("mapRunArn"):
        raise errors.not_yet("Map runs")
    if not request.get("stateMachineArn"):
        raise errors.validation("Either stateMachineArn or mapRunArn must be specified")
    machine = found_machine(call, request["stateMachineArn"])
    if machine.type == EXPRESS:
        raise errors.type_not_supported("ListExecutions", machine.type)
    wanted, most = request.get("statusFilter"), paging.page_size(request)
    if request.get("redriveFilter") == "REDRIVEN":
        return {"executions": []}
    found: list[dict[str, Any]] = []
    at: Key | None = None
    for key, each in store.started(call, machine.name, _place(machine, request)):
        if len(found) == most:
            assert at is not None
            return {"executions": found, "nextToken": page_token(f"{int(at[2])}/{at[3]!s}")}
        execution = store.execution(call, each)
        if execution is not None and wanted in (None, execution.status):
            found.append(_listed(call, execution))
        at = key
    return {"executions": found}


def _place(machine: Machine, request: Mapping[str, Any]) -> Key | None:
    try:
        text = parse_page_token(request.get("nextToken"))
        if not text:
            return None
        moment, _, name = text.partition("/")
        return ("started", machine.name, int(moment), name)
    except ValueError:
        raise errors.invalid_token() from None


@read
def get_execution_history(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Events of an execution in order, or from the last one back."""
    execution = _found(call, request["executionArn"])
    state = None if execution.event_last else store.cursor(call, execution.id)
    last = execution.event_last or (state.last_event if state is not None else 0)
    try:
        position = parse_position(request.get("nextToken"))
    except ValueError:
        raise errors.invalid_token() from None
    most, is_reverse = paging.page_size(request), bool(request.get("reverseOrder"))
    if is_reverse:
        newest = position or last
        first = max(1, newest - most + 1)
        found = store.events(call, execution.id, first, newest - first + 1)[::-1]
        following = first - 1
    else:
        first = position or 1
        found = store.events(call, execution.id, first, min(most, last - first + 1))
        following = first + most if first + most <= last else 0
    includes_data = request.get("includeExecutionData") is not False
    shown: dict[str, Any] = {"events": [_event(each, includes_data) for each in found]}
    if following:
        shown["nextToken"] = page_token(following)
    return shown


def _event(event: Event, includes_data: bool) -> dict[str, Any]:
    wire = wire_event(event)
    if includes_data:
        return wire
    for name, details in wire.items():
        if name.endswith("Details"):
            wire[name] = {key: each for key, each in details.items() if key not in _DATA_MEMBERS}
    return wire
