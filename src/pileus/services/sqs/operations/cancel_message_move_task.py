"""CancelMessageMoveTask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.sqs import errors, moves


@write
def cancel_message_move_task(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Stop a running task; what was moved stays moved."""
    task = moves.find(call, request["TaskHandle"])
    if task.status != "RUNNING":
        raise errors.invalid_parameter("Only active tasks can be cancelled.")
    task.status = "CANCELLED"
    moves.put(call, task)
    call.cancel_timer("move_messages", f"{task.source}/{task.id}")
    return {"ApproximateNumberOfMessagesMoved": task.moved}
