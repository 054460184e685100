"""ListMessageMoveTasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.sqs import errors, moves


@read
def list_message_move_tasks(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The newest tasks of a source queue, at most ten."""
    source = request["SourceArn"].rpartition(":")[2]
    if call.state.get(("queue", source)) is None:
        raise errors.resource_not_found("SourceArn")
    limit = request.get("MaxResults") or 1
    if not 1 <= limit <= 10:
        raise errors.invalid_value(limit, "MaxResults", "Must be between 1 and 10, if provided.")
    tasks = sorted(moves.tasks(call.state, source), key=lambda task: -task.started_ms)
    return {"Results": [moves.wire_task(call, task) for task in tasks[:limit]]}
