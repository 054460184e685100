"""Takes messages out of a queue: dead letters, retention, and the wire form of a message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from pileus.kernel.calls import WriteCall
from pileus.services.sqs import fifo, sending, standard, store
from pileus.services.sqs.model import (
    SYSTEM_ATTRIBUTES,
    Flight,
    Message,
    Queue,
    attributes_md5,
    md5,
)


def receive(
    call: WriteCall, queue: Queue, count: int, visibility_s: int
) -> list[tuple[Message, Flight]]:
    """Up to ``count`` messages, now in flight; what was received too often moves on instead."""
    room = fifo if queue.is_fifo else standard
    retention_ms = queue.number("MessageRetentionPeriod") * 1000
    redrive = redrive_policy(queue)
    received: list[tuple[Message, Flight]] = []
    while len(received) < count:
        wanted = count - len(received)
        taken = room.take(call, queue, wanted, call.now_ms + visibility_s * 1000)
        for message, flight in taken:
            if message.sent_ms + retention_ms <= call.now_ms:
                room.remove(call, queue, message.sequence, flight)
                continue
            if (
                redrive
                and flight.count > redrive[1]
                and _dead_letter(call, queue, message, flight, redrive[0])
            ):
                continue
            received.append((message, flight))
        # Zero visibility leaves what was taken in front: a second look would take it again.
        if len(taken) < wanted or visibility_s == 0:
            break
    return received


def redrive_policy(queue: Queue) -> tuple[str, int] | None:
    """Name of the dead-letter queue and the number of receives allowed, or None."""
    raw = queue.attributes.get("RedrivePolicy")
    if not raw:
        return None
    policy = orjson.loads(raw)
    return policy["deadLetterTargetArn"].rpartition(":")[2], int(policy["maxReceiveCount"])


def _dead_letter(
    call: WriteCall, queue: Queue, message: Message, flight: Flight, target: str
) -> bool:
    raw = call.state.get(("queue", target))
    if raw is None:
        # The dead-letter queue was deleted: the message stays receivable, as on AWS.
        return False
    (fifo if queue.is_fifo else standard).remove(call, queue, message.sequence, flight)
    sending.put_back(call, store.QUEUES.decode(raw), message, call.arn(queue.name))
    return True


def wire_message(
    queue: Queue, message: Message, flight: Flight, wanted: Sequence[str], system: Sequence[str]
) -> dict[str, Any]:
    """The message as ReceiveMessage gives it, with the attributes asked for."""
    output: dict[str, Any] = {
        "MessageId": message.id,
        "ReceiptHandle": store.receipt_handle(queue.name, message.sequence, flight.count),
        "MD5OfBody": md5(message.body),
        "Body": message.body,
    }
    if system and (shown := _system_attributes(queue, message, flight, system)):
        output["Attributes"] = shown
    if wanted and (chosen := _chosen(message, wanted)):
        output["MessageAttributes"] = chosen
        output["MD5OfMessageAttributes"] = attributes_md5(chosen)
    return output


def _system_attributes(
    queue: Queue, message: Message, flight: Flight, system: Sequence[str]
) -> dict[str, str]:
    values = {
        "SenderId": message.sender,
        "SentTimestamp": str(message.sent_ms),
        "ApproximateReceiveCount": str(flight.count),
        "ApproximateFirstReceiveTimestamp": str(flight.first_ms),
        "MessageDeduplicationId": message.deduplication_id,
        "MessageGroupId": message.group,
        "SequenceNumber": f"{message.sequence:020d}" if queue.is_fifo else "",
        "DeadLetterQueueSourceArn": message.dead_letter_source,
        "AWSTraceHeader": message.system_attributes.get("AWSTraceHeader", {}).get(
            "StringValue", ""
        ),
    }
    names = SYSTEM_ATTRIBUTES if "All" in system else system
    return {name: values[name] for name in names if values.get(name)}


def _chosen(message: Message, wanted: Sequence[str]) -> dict[str, dict[str, Any]]:
    if "All" in wanted or ".*" in wanted:
        return message.attributes
    prefixes = tuple(name[:-2] for name in wanted if name.endswith(".*"))
    return {
        name: value
        for name, value in message.attributes.items()
        if name in wanted or (prefixes and name.startswith(prefixes))
    }
