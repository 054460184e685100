"""Records as the wire shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pileus.kernel.calls import Call, ReadCall
from pileus.services.lambda_.durable import history, store
from pileus.services.lambda_.durable.limits import DURABLE_LIMITS
from pileus.services.lambda_.durable.model import (
    FAILED,
    OPEN,
    STOPPED,
    SUCCEEDED,
    TIMED_OUT,
    UNFINISHED,
    Execution,
    HistoryEvent,
    Operation,
    Payload,
)
from pileus.services.lambda_.durable.payloads import Texts
from pileus.values.times import utc

Stamp = Callable[[int], Any]
"""Epoch milliseconds as a protocol wants them."""


def as_milliseconds(at_ms: int) -> int:
    """As functions are told times."""
    return at_ms


# -- operations --------------------------------------------------------------------------------


def operation_shown(one: Operation, texts: Texts, stamp: Stamp = utc) -> dict[str, Any]:
    """An Operation; the texts of its payloads were loaded."""
    shown: dict[str, Any] = {
        "Id": one.id,
        "Type": one.type,
        "Status": one.status,
        "StartTimestamp": stamp(one.started_ms),
    }
    optional = {"ParentId": one.parent, "Name": one.name, "SubType": one.subtype}
    shown.update({key: value for key, value in optional.items() if value})
    if one.ended_ms:
        shown["EndTimestamp"] = stamp(one.ended_ms)
    name, details = _DETAILS[one.type]
    shown[name] = details(one, _outcome(one, texts), stamp)
    if one.type == "EXECUTION" and one.input is not None:
        shown[name] = {"InputPayload": texts.text(one.input)}
    return shown


def _outcome(one: Operation, texts: Texts) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if one.result is not None:
        found["Result"] = texts.text(one.result)
    if one.error is not None:
        found["Error"] = texts.error(one.error)
    return found


def _execution(one: Operation, outcome: dict[str, Any], stamp: Stamp) -> dict[str, Any]:
    return {}


def _context(one: Operation, outcome: dict[str, Any], stamp: Stamp) -> dict[str, Any]:
    return {**outcome, "ReplayChildren": True} if one.replays_children else outcome


def _step(one: Operation, outcome: dict[str, Any], stamp: Stamp) -> dict[str, Any]:
    shown = {**outcome, "Attempt": one.attempt}
    return {**shown, "NextAttemptTimestamp": stamp(one.due_ms)} if one.due_ms else shown


def _wait(one: Operation, outcome: dict[str, Any], stamp: Stamp) -> dict[str, Any]:
    return {"ScheduledEndTimestamp": stamp(one.due_ms)}


def _callback(one: Operation, outcome: dict[str, Any], stamp: Stamp) -> dict[str, Any]:
    return {**outcome, "CallbackId": one.callback_id}


def _chained(one: Operation, outcome: dict[str, Any], stamp: Stamp) -> dict[str, Any]:
    return outcome


_DETAILS: dict[str, tuple[str, Callable[[Operation, dict[str, Any], Stamp], dict[str, Any]]]] = {
    "EXECUTION": ("ExecutionDetails", _execution),
    "CONTEXT": ("ContextDetails", _context),
    "STEP": ("StepDetails", _step),
    "WAIT": ("WaitDetails", _wait),
    "CALLBACK": ("CallbackDetails", _callback),
    "CHAINED_INVOKE": ("ChainedInvokeDetails", _chained),
}


def operation_payloads(operations: Sequence[Operation]) -> list[Payload | None]:
    """What has to be loaded to show them."""
    found: list[Payload | None] = []
    for one in operations:
        found += [one.result, one.error, one.input if one.type == "EXECUTION" else None]
    return found


class Page:
    """Operations as long as there is room for them, and the marker where there was not."""

    def __init__(self, items_max: int, bytes_max: int) -> None:
        self.operations: list[Operation] = []
        self.marker = ""
        self._items_max, self._left_bytes = items_max, bytes_max

    def takes(self, one: Operation) -> bool:
        """Take it, or tell that it belongs on the next page. The first one always fits."""
        size_bytes = sum(
            payload.size_bytes for payload in operation_payloads([one]) if payload is not None
        )
        is_full = len(self.operations) >= self._items_max or size_bytes > self._left_bytes
        if self.operations and is_full:
            return False
        self._left_bytes -= size_bytes
        self.operations.append(one)
        return True


def state_page(call: ReadCall, execution_id: str, start: int, page: Page) -> None:
    """What a replay needs to know, from a number on: children of completed contexts are left out."""
    left_out: set[str] = set()
    for one in store.operations(call, execution_id):
        if one.parent in left_out:
            left_out.add(one.id)
            continue
        if one.type == "CONTEXT" and one.status not in UNFINISHED and not one.replays_children:
            left_out.add(one.id)
        if one.number >= start and not page.takes(one):
            page.marker = f"o{one.number}"
            return


def change_page(call: ReadCall, execution_id: str, seen_change: int, page: Page) -> None:
    """What changed after ``seen_change``."""
    last = seen_change
    for change, number in store.changed_numbers(call, execution_id, seen_change):
        one = store.operation(call, execution_id, number)
        if one is None or one.type == "EXECUTION":
            continue
        if not page.takes(one):
            page.marker = f"c{last}"
            break
        last = change
    page.operations.sort(key=lambda one: one.number)


# -- executions --------------------------------------------------------------------------------


def summary(call: Call, execution: Execution) -> dict[str, Any]:
    """An Execution of a list."""
    shown: dict[str, Any] = {
        "DurableExecutionArn": history.arn_of(call, execution),
        "DurableExecutionName": execution.name,
        "FunctionArn": history.function_arn_of(call, execution),
        "Status": execution.status,
        "StartTimestamp": utc(execution.started_ms),
    }
    if execution.ended_ms:
        shown["EndTimestamp"] = utc(execution.ended_ms)
    return shown


def described(call: Call, execution: Execution, texts: Texts | None) -> dict[str, Any]:
    """GetDurableExecution's answer; without ``texts`` only what is no data of the user's."""
    shown = {
        **summary(call, execution),
        "Version": execution.version,
        "DurableConfig": {
            "ExecutionTimeout": execution.timeout_s,
            "RetentionPeriodInDays": execution.retention_days,
        },
        "ExecutionDataIncluded": texts is not None,
    }
    if execution.trace:
        shown["TraceHeader"] = {"XAmznTraceId": execution.trace}
    if texts is not None:
        shown["InputPayload"] = texts.text(execution.input)
        if execution.status == SUCCEEDED and execution.result is not None:
            shown["Result"] = texts.text(execution.result)
        if execution.status in (FAILED, TIMED_OUT, STOPPED) and execution.error is not None:
            shown["Error"] = texts.error(execution.error)
    if execution.status in OPEN:
        shown["ExpectedExecutionTimeoutTimestamp"] = utc(_deadline_ms(execution))
    pause = execution.pause
    if pause is not None:
        shown["PauseDetails"] = {
            "PauseRequestTimestamp": utc(pause.requested_ms),
            "ExecutionTimeoutPaused": pause.stops_timeout,
        }
        if pause.reason and texts is not None:
            shown["PauseDetails"]["Reason"] = pause.reason
    return shown


def _deadline_ms(execution: Execution) -> int:
    pause = execution.pause
    if pause is not None and pause.began_ms and pause.stops_timeout:
        return execution.started_ms + DURABLE_LIMITS.lifetime_s_max * 1000
    return execution.deadline_ms


# -- history -----------------------------------------------------------------------------------


def event_shown(event: HistoryEvent, texts: Texts | None) -> dict[str, Any]:
    """An Event; without ``texts`` payloads are told to be left out."""
    shown: dict[str, Any] = {
        "EventType": event.type,
        "EventId": event.number,
        "EventTimestamp": utc(event.at_ms),
    }
    optional = {
        "Id": event.operation,
        "Name": event.name,
        "ParentId": event.parent,
        "SubType": event.subtype,
    }
    shown.update({key: value for key, value in optional.items() if value})
    details = {
        name: utc(value) if name.endswith("Timestamp") else value
        for name, value in event.details.items()
    }
    for name, payload in event.payloads.items():
        details[name] = _data(name, payload, texts)
    for name in _ALWAYS.get(event.type, ()):
        details.setdefault(name, {})
    shown[f"{event.type}Details"] = details
    return shown


_ALWAYS = {
    "ExecutionSucceeded": ("Result",),
    "ExecutionStopped": ("Error",),
    "ContextSucceeded": ("Result",),
    "StepSucceeded": ("Result",),
    "ChainedInvokeSucceeded": ("Result",),
    "CallbackSucceeded": ("Result",),
}
"""Members that are there although a function returned nothing."""


def _data(name: str, payload: Payload, texts: Texts | None) -> dict[str, Any]:
    if texts is None:
        return {"Truncated": True}
    if name == "Error":
        return {"Payload": texts.error(payload), "Truncated": False}
    return {"Payload": texts.text(payload), "Truncated": False}
