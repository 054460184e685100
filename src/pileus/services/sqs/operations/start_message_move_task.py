"""StartMessageMoveTask: redrive dead letters.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.sqs import errors, moves, receiving, store
from pileus.services.sqs.limits import LIMITS
from pileus.services.sqs.model import MoveTask


@write
def start_message_move_task(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Begin to move messages out of a dead-letter queue, back to where they came from."""
    source = request["SourceArn"].rpartition(":")[2]
    target = (request.get("DestinationArn") or "").rpartition(":")[2]
    for parameter, name in (("SourceArn", source), ("DestinationArn", target)):
        if name and call.state.get(("queue", name)) is None:
            raise errors.resource_not_found(parameter)
    if not 0 <= (request.get("MaxNumberOfMessagesPerSecond") or 0) <= LIMITS.move_rate_max:
        raise errors.invalid_value(
            request["MaxNumberOfMessagesPerSecond"],
            "MaxNumberOfMessagesPerSecond",
            f"Must be between 1 and {LIMITS.move_rate_max}, if provided.",
        )
    if not any(
        (redrive := receiving.redrive_policy(store.QUEUES.decode(raw))) and redrive[0] == source
        for _, raw in call.state.range(("queue",))
    ):
        raise errors.invalid_parameter("Source queue must be configured as a Dead Letter Queue.")
    if any(task.status == "RUNNING" for task in moves.tasks(call.state, source)):
        raise errors.invalid_parameter(
            "There is already a task running. Only one active task is allowed for a source queue "
            "arn at a given time."
        )
    task = MoveTask(
        id=call.new_id(),
        source=source,
        target=target,
        rate=request.get("MaxNumberOfMessagesPerSecond") or 0,
        started_ms=call.now_ms,
        to_move=store.count(call.state, source),
    )
    moves.put(call, task)
    moves.schedule(call, task, call.now_ms)
    return {"TaskHandle": moves.handle(call, task)}
