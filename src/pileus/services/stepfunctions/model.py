"""Records of this room."""

from __future__ import annotations

from typing import Any

import msgspec

STANDARD, EXPRESS = "STANDARD", "EXPRESS"
RUNNING = "RUNNING"
TASK, GO_ON, STOP_ALL, EXPRESS_RUN = "task", "go_on", "stop_all", "express"
"""Kinds of work that is due."""


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """What a state machine was at a time; executions keep to the one they began with.

    Attributes:
        digest: of the definition, under which it is stored.
    """

    id: str
    digest: str
    role_arn: str
    updated_ms: int
    logging: dict[str, Any] = {}
    tracing: dict[str, Any] = {}
    encryption: dict[str, Any] = {}


class Machine(msgspec.Struct, kw_only=True):
    """A state machine.

    Attributes:
        creation_id: the revision it was created with, which AWS does not show.
    """

    name: str
    type: str
    created_ms: int
    revision: Revision
    creation_id: str = ""
    tags: dict[str, str] = {}


class Execution(msgspec.Struct, kw_only=True):
    """An execution; its input and output stand in its history.

    Attributes:
        machine, name: together its id.
        input_digest: tells whether a second StartExecution of that name asks for the same.
        event_last: the number of its last event.
    """

    machine: str
    name: str
    revision_id: str
    digest: str
    input_digest: bytes
    started_ms: int
    status: str = RUNNING
    stopped_ms: int = 0
    event_last: int = 0
    trace: str = ""

    @property
    def id(self) -> str:
        return f"{self.machine}:{self.name}"


class Task(msgspec.Struct, kw_only=True):
    """A task that somebody is to do or does.

    Attributes:
        arn: the Resource as written in the definition.
        arguments: JSON.
        role_arn: whom it is done as: the state machine's role, unless its credentials name another.
        due: the number of the row that says that it is due, 0 once nothing is.
        is_submitted: what it asks for goes on elsewhere, and its token will be sent.
        activity: the activity whose workers ask for it.
        child: the execution that it waits for.
    """

    arn: str
    arguments: str
    role_arn: str
    due: int = 0
    timeout_ms: int | None = None
    heartbeat_ms: int | None = None
    token: str = ""
    is_submitted: bool = False
    activity: str = ""
    child: str = ""


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """Work that the platform has to do once the transaction that asks for it is durable.

    Attributes:
        item: the execution's id, or the state machine's name.
        task_id: of a task.
        start: how an asynchronous Express execution begins.
    """

    kind: str
    item: str
    task_id: int = 0
    start: dict[str, Any] | None = None


class Activity(msgspec.Struct, kw_only=True):
    """An activity, whose tasks workers ask for."""

    name: str
    created_ms: int
    tags: dict[str, str] = {}
