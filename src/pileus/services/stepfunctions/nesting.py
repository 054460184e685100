"""Executions that wait for executions: ``states:startExecution.sync`` and ``.sync:2``.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
"""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.languages.asl.commands import Happened, TaskFailed, TaskSucceeded
from pileus.languages.asl.json_text import decode, encode
from pileus.languages.asl.states import Resource
from pileus.services.stepfunctions import store
from pileus.services.stepfunctions.model import Execution
from pileus.services.stepfunctions.names import execution_arn, execution_id, machine_arn

_WITH_VALUES = "sync:2"
"""The pattern that gives input and output as values, and not as the texts that they are."""


def is_awaited(resource: Resource) -> bool:
    """Whether a task ends with what it started."""
    return resource.pattern in ("sync", _WITH_VALUES)


def child_of(output: str) -> str:
    """The id of the execution that StartExecution's answer names."""
    return execution_id(decode(output)["ExecutionArn"])


def outcome(call: ReadCall, child: Execution, resource: Resource, task_id: int) -> Happened:
    """What the end of an execution is to the task that waits for it."""
    begun = store.events(call, child.id, 1, 1)[0].details or {}
    ended = store.events(call, child.id, child.event_last, 1)[0].details or {}
    has_values = resource.pattern == _WITH_VALUES
    told: dict[str, Any] = {
        "ExecutionArn": execution_arn(call, child.id),
        "Input": decode(begun["input"]) if has_values else begun["input"],
        "InputDetails": {"Included": True},
        "Name": child.name,
        "StartDate": child.started_ms,
        "StateMachineArn": machine_arn(call, child.machine),
        "Status": child.status,
        "StopDate": child.stopped_ms,
    }
    if child.status == "SUCCEEDED":
        text = ended["output"]
        told |= {"Output": decode(text) if has_values else text}
        told |= {"OutputDetails": {"Included": True}}
        return TaskSucceeded(task_id, encode(dict(sorted(told.items()))))
    told |= {
        member: ended[name]
        for member, name in (("Error", "error"), ("Cause", "cause"))
        if name in ended
    }
    return TaskFailed(task_id, "States.TaskFailed", encode(dict(sorted(told.items()))))
