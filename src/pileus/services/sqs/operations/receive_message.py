"""ReceiveMessage. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import Wait, write
from pileus.services.sqs import attempts, errors, receiving, sending, store
from pileus.services.sqs.limits import LIMITS
from pileus.services.sqs.model import Flight, Message, Queue


@write
def receive_message(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any] | Wait:
    """Up to ten messages; with WaitTimeSeconds the call waits until there is one."""
    queue = store.known_queue_at(call.state, request)
    count = _in_range(request, "MaxNumberOfMessages", 1, 1, LIMITS.receive_max)
    visibility_s = _in_range(
        request, "VisibilityTimeout", queue.number("VisibilityTimeout"), 0, LIMITS.visibility_s_max
    )
    wait_s = _in_range(
        request,
        "WaitTimeSeconds",
        queue.number("ReceiveMessageWaitTimeSeconds"),
        0,
        LIMITS.wait_s_max,
    )
    received = _received(call, queue, request, (count, visibility_s))
    if not received:
        until_ms = call.started_ms + wait_s * 1000
        if call.now_ms < until_ms:
            return Wait(store.wake_key(queue.name), _next_look(call, queue, until_ms))
        return {}
    wanted = request.get("MessageAttributeNames") or ()
    system = [
        *(request.get("AttributeNames") or ()),
        *(request.get("MessageSystemAttributeNames") or ()),
    ]
    return {
        "Messages": [
            receiving.wire_message(queue, message, flight, wanted, system)
            for message, flight in received
        ]
    }


def _received(
    call: WriteCall, queue: Queue, request: Mapping[str, Any], asked: tuple[int, int]
) -> list[tuple[Message, Flight]]:
    """Messages for an answer of at most ``asked[0]``, invisible for ``asked[1]`` seconds."""
    count, visibility_s = asked
    attempt_id = request.get("ReceiveRequestAttemptId")
    if not attempt_id or not queue.is_fifo:
        return receiving.receive(call, queue, count, visibility_s)
    sending.checked_id(attempt_id, "ReceiveRequestAttemptId")
    visible_ms = call.now_ms + visibility_s * 1000
    if received := attempts.repeated(call, queue, attempt_id, visible_ms):
        return received
    received = receiving.receive(call, queue, count, visibility_s)
    if received:
        attempts.remember(call, queue, attempt_id, received)
    return received


def _in_range(request: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    value: int | None = request.get(name)
    if value is None:
        return default
    if not low <= value <= high:
        between = "Must be between 1 and 10, if provided."
        at_least = f"Must be >= {low} and <= {high}, if provided."
        reason = between if name == "MaxNumberOfMessages" else at_least
        raise errors.invalid_value(value, name, reason)
    return value


def _next_look(call: WriteCall, queue: Queue, until_ms: int) -> int:
    """The end of the wait, or earlier when a delayed or invisible message comes due before."""
    upcoming = call.state.range(("ready", queue.name), limit=1)
    return min(until_ms, int(upcoming[0][0][2])) if upcoming else until_ms
