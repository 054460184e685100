"""Durable executions, their operations and their history as records."""

from __future__ import annotations

from typing import Any, Final

import msgspec

RUNNING: Final = "RUNNING"
PAUSING: Final = "PAUSING"
PAUSED: Final = "PAUSED"
DELETING: Final = "DELETING"
SUCCEEDED: Final = "SUCCEEDED"
FAILED: Final = "FAILED"
TIMED_OUT: Final = "TIMED_OUT"
STOPPED: Final = "STOPPED"
STARTED: Final = "STARTED"
PENDING: Final = "PENDING"
READY: Final = "READY"
CANCELLED: Final = "CANCELLED"

OPEN: Final = frozenset({RUNNING, PAUSING, PAUSED})
"""Statuses of an execution that has not ended."""
CLOSED: Final = frozenset({SUCCEEDED, FAILED, TIMED_OUT, STOPPED})
UNFINISHED: Final = frozenset({STARTED, PENDING, READY})
"""Statuses of an operation that has not ended."""


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """A text (UTF-8): short ones lie in the record, long ones in ``blob``."""

    data: bytes = b""
    blob: str = ""
    size_bytes: int = 0


class Pause(msgspec.Struct, kw_only=True):
    """Since when an execution pauses; ``is_due``: it is invoked when it is resumed.

    ``began_ms`` is 0 while an invocation in progress keeps it from pausing.
    """

    requested_ms: int
    reason: str = ""
    stops_timeout: bool = True
    began_ms: int = 0
    is_due: bool = False
    client_token: str = ""


class Parent(msgspec.Struct, frozen=True, kw_only=True):
    """The operation of another execution that waits for this one's end."""

    execution: str
    operation: str


class Execution(msgspec.Struct, kw_only=True):
    """One durable execution.

    Attributes:
        version: of the function; every invocation runs the same.
        input_digest: tells whether an invocation of the same name has the same payload.
        operation_last, event_last: highest numbers given; operation 0 is the execution itself.
        change_last: every change of an operation draws a number.
        seen_change: what the invocation in progress was told of.
        news_change: the latest change that was not the function's own doing.
        invoked_change: the latest change when the invocation in progress began.
        token: number of the checkpoint token that is good now.
        invocation: request id of the invocation in progress, or empty.
        attempts: failed invocations since an update was accepted.
        refusals: invocations in a row that could not begin (throttled).
        resumed_ms, resume_token: of the latest resumption, to answer its repetition.
        client_token, replay_change: of the latest checkpoint, to answer its repetition.
    """

    id: str
    name: str
    function: str
    version: str
    started_ms: int
    deadline_ms: int
    timeout_s: int
    retention_days: int
    input: Payload
    input_digest: str
    is_synchronous: bool = False
    trace: str = ""
    status: str = RUNNING
    ended_ms: int = 0
    result: Payload | None = None
    error: Payload | None = None
    operation_last: int = 0
    event_last: int = 0
    change_last: int = 0
    seen_change: int = 0
    news_change: int = 0
    invoked_change: int = 0
    token: int = 0
    invocation: str = ""
    invoked_ms: int = 0
    attempts: int = 0
    refusals: int = 0
    client_token: str = ""
    replay_change: int = 0
    written_bytes: int = 0
    pause: Pause | None = None
    resumed_ms: int = 0
    resume_token: str = ""
    parent: Parent | None = None


class Operation(msgspec.Struct, kw_only=True):
    """One operation of an execution, numbered in the order of their starts.

    Attributes:
        change: number of the latest change.
        due_ms: when the wait ends, the next attempt begins or the callback times out; 0 for never.
        heartbeat_ms: when a callback without heartbeat times out; 0 for never.
    """

    number: int
    id: str
    type: str
    status: str
    started_ms: int
    name: str = ""
    parent: str = ""
    subtype: str = ""
    change: int = 0
    ended_ms: int = 0
    result: Payload | None = None
    error: Payload | None = None
    attempt: int = 0
    due_ms: int = 0
    heartbeat_ms: int = 0
    heartbeat_s: int = 0
    duration_s: int = 0
    replays_children: bool = False
    callback_id: str = ""
    target: str = ""
    trace: str = ""
    input: Payload | None = None


class HistoryEvent(msgspec.Struct, kw_only=True):
    """One event of an execution's history.

    ``details`` has wire names (timestamps in epoch milliseconds), ``payloads`` what is shown only
    where execution data is asked for.
    """

    number: int
    type: str
    at_ms: int
    operation: str = ""
    name: str = ""
    parent: str = ""
    subtype: str = ""
    details: dict[str, Any] = {}
    payloads: dict[str, Payload] = {}


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """Work that waits for its moment; see ``store``."""

    not_before_ms: int = 0
    attempts: int = 0
