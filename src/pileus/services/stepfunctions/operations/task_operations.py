"""Answers to tasks. https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.languages.asl.commands import TaskFailed, TaskSucceeded
from pileus.languages.asl.json_text import decode
from pileus.services.stepfunctions import advancing, errors, store
from pileus.services.stepfunctions.model import Task


def _answered(call: WriteCall, request: Mapping[str, Any]) -> tuple[str, int, Task]:
    """Execution, number and record of the task that a token is of.

    Raises:
        ServiceError: InvalidToken; TaskTimedOut for one that nobody waits for any longer.
    """
    found = advancing.token_task(call, request["taskToken"])
    if found is None:
        raise errors.invalid_token()
    task = store.task(call, *found)
    if task is None:
        raise errors.task_gone()
    return (*found, task)


@write
def send_task_success(call: WriteCall, request: Mapping[str, Any]) -> None:
    """End a task with its output."""
    execution_id, task_id, _ = _answered(call, request)
    try:
        decode(request["output"])
    except ValueError as error:
        raise errors.invalid_output(str(error)) from None
    advancing.tell(call, execution_id, TaskSucceeded(task_id, request["output"]))


@write
def send_task_failure(call: WriteCall, request: Mapping[str, Any]) -> None:
    """End a task with an error."""
    execution_id, task_id, _ = _answered(call, request)
    happened = TaskFailed(task_id, request.get("error"), request.get("cause"))
    advancing.tell(call, execution_id, happened)


@write
def send_task_heartbeat(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Say that a task is still being done: its silence is counted from now."""
    execution_id, task_id, task = _answered(call, request)
    advancing.set_task_timer(call, execution_id, task_id, advancing.HEARTBEAT, task.heartbeat_ms)
