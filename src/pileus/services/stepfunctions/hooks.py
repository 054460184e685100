"""What timers of this room do: waits and retries of states, time-outs of tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.languages.asl.commands import TaskTimedOut, Woken
from pileus.services.stepfunctions import advancing, store


def state_due(call: WriteCall, payload: Mapping[str, Any]) -> None:
    """A wait is over, a retry is due, or the execution has taken too long."""
    advancing.tell(call, payload["execution"], Woken(payload["timer"]))


def task_due(call: WriteCall, payload: Mapping[str, Any]) -> None:
    """A task has taken too long, or nothing was heard of it."""
    execution_id, task_id = payload["execution"], payload["task"]
    if store.task(call, execution_id, task_id) is not None:
        happened = TaskTimedOut(task_id, payload["what"] == advancing.HEARTBEAT)
        advancing.tell(call, execution_id, happened)
