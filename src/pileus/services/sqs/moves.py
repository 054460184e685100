"""Redrives of dead letters, a bounded step at a time."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson

from pileus.kernel.calls import Call, WriteCall
from pileus.kernel.deliveries import Timer
from pileus.services.sqs import errors, fifo, sending, standard, store
from pileus.services.sqs.model import Flight, MoveTask

_PER_STEP = 100
_STEP_MS = 1000


def put(call: WriteCall, task: MoveTask) -> None:
    call.state.put(("task", task.source, task.id), store.TASKS.encode(task))


def tasks(state: Any, source: str) -> list[MoveTask]:
    """Every task of a source queue."""
    return [store.TASKS.decode(raw) for _, raw in state.range(("task", source))]


def handle(call: Call, task: MoveTask) -> str:
    """An opaque TaskHandle."""
    plain = {"taskId": task.id, "sourceArn": call.arn(task.source)}
    return base64.b64encode(orjson.dumps(plain)).decode()


def find(call: WriteCall, task_handle: str) -> MoveTask:
    """The task; raises ResourceNotFoundException."""
    try:
        plain = orjson.loads(base64.b64decode(task_handle, validate=True))
        source, task_id = plain["sourceArn"].rpartition(":")[2], plain["taskId"]
    except (binascii.Error, orjson.JSONDecodeError, KeyError, TypeError):
        raise errors.invalid_parameter("Value for parameter TaskHandle is invalid.") from None
    if call.state.get(("queue", source)) is None:
        raise errors.resource_not_found("SourceArn")
    raw = call.state.get(("task", source, task_id))
    if raw is None:
        raise errors.task_not_found()
    return store.TASKS.decode(raw)


def schedule(call: WriteCall, task: MoveTask, at_ms: int) -> None:
    """Let the next step run at ``at_ms``."""
    call.set_timer(
        Timer(
            name="move_messages",
            key=f"{task.source}/{task.id}",
            at_ms=at_ms,
            payload={"source": task.source, "task": task.id},
        )
    )


def step(call: WriteCall, source: str, task_id: str) -> None:
    """Move the next messages; ends the task when none is left or a queue is gone."""
    raw = call.state.get(("task", source, task_id))
    if raw is None:
        return
    task = store.TASKS.decode(raw)
    if task.status != "RUNNING":
        return
    queue = store.find_queue(call.state, source)
    room = fifo if queue.is_fifo else standard
    count = min(task.rate or _PER_STEP, _PER_STEP)
    taken = room.take(call, queue, count, call.now_ms + 1)
    for message, flight in taken:
        target = task.target or message.dead_letter_source.rpartition(":")[2]
        target_raw = call.state.get(("queue", target)) if target else None
        if target_raw is None:
            task.status = "FAILED"
            task.failure = "CouldNotDetermineMessageSource" if not target else "NonExistentQueue"
            break
        room.remove(call, queue, message.sequence, Flight(flight.visible_ms, flight.count))
        sending.put_back(call, store.QUEUES.decode(target_raw), message, "")
        task.moved += 1
    if task.status == "RUNNING" and len(taken) < count:
        task.status = "COMPLETED"
    put(call, task)
    if task.status == "RUNNING":
        schedule(call, task, call.now_ms + (_STEP_MS if task.rate else 0))


def wire_task(call: Call, task: MoveTask) -> dict[str, Any]:
    """The task as ListMessageMoveTasks shows it."""
    output: dict[str, Any] = {
        "Status": task.status,
        "SourceArn": call.arn(task.source),
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.to_move,
        "StartedTimestamp": task.started_ms,
    }
    if task.status == "RUNNING":
        output["TaskHandle"] = handle(call, task)
    if task.target:
        output["DestinationArn"] = call.arn(task.target)
    if task.rate:
        output["MaxNumberOfMessagesPerSecond"] = task.rate
    if task.failure:
        output["FailureReason"] = f"AWS.SimpleQueueService.{task.failure}"
    return output
