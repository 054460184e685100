"""Where queues and messages lie.

``queue, name``                         Queue
``message, queue, sequence``            FIFO: Message, written once
``flight, queue, sequence``             Flight: since the first receive (FIFO: since it was sent)
``ready, queue, visible_ms, sequence``  standard: every message, in order of visibility, with the
                                        Message until its first receive moves that into the Flight;
                                        FIFO: the first message of every group; the value names it
``group, queue, group, sequence``       FIFO: the messages of a group, in order
``sent, queue, scope, id``              Sent: deduplication
``sent_until, queue, expires_ms, …``    the same in order of expiry
``task, source, id``                    MoveTask
``attempt, queue, id``                  Attempt: a receive of a FIFO queue that can be repeated
``attempt_until, queue, expires_ms, …`` the same in order of expiry
"""

from __future__ import annotations

import base64
import binascii
import re
from functools import lru_cache
from typing import Any

import msgspec

from pileus.kernel.records import RecordCodec
from pileus.services.sqs import errors
from pileus.services.sqs.model import Attempt, Flight, Message, MoveTask, Queue, Sent

_REGION = r"[a-z]{2}(?:-[a-z]+)+-\d"
_ADDRESS = re.compile(
    rf"https?://(?:(?:sqs\.)(?P<region>{_REGION})\.|(?P<region_first>{_REGION})\.queue\.)?[^/]*"
    rf"(?:/queue/(?P<in_path>{_REGION}))?/(?P<account>\d{{12}})/[^/]+"
)

QUEUES = RecordCodec(Queue)
MESSAGES = RecordCodec(Message)
SENT = RecordCodec(Sent)
TASKS = RecordCodec(MoveTask)
FLIGHTS = RecordCodec(Flight)
ATTEMPTS = RecordCodec(Attempt)


@lru_cache(maxsize=4096)
def owner(queue_url: str) -> tuple[str, str]:
    """Account and region that a queue's address names; empty where it does not.

    ``…/123456789012/name``, with the region in the host (``sqs.<region>.…``, ``<region>.queue.…``)
    or in the path (``/queue/<region>/123456789012/name``).
    """
    found = _ADDRESS.fullmatch(queue_url)
    if found is None:
        return "", ""
    return found["account"], found["region"] or found["region_first"] or found["in_path"] or ""


def queue_name(queue_url: str) -> str:
    """The last part of a queue's address."""
    return queue_url.rpartition("/")[2]


def find_queue(state: Any, name: str) -> Queue:
    """The queue; raises QueueDoesNotExist."""
    raw = state.get(("queue", name))
    if raw is None:
        raise errors.queue_does_not_exist()
    return QUEUES.decode(raw)


def queue_at(state: Any, request: Any) -> Queue:
    """The queue that ``QueueUrl`` names; raises QueueDoesNotExist."""
    return find_queue(state, queue_name(request["QueueUrl"]))


def known_queue_at(state: Any, request: Any) -> Queue:
    """The same, for what happens to every message: one object for as long as the queue stays as it
    is, so nobody may change it."""
    raw = state.get(("queue", request["QueueUrl"].rpartition("/")[2]))
    if raw is None:
        raise errors.queue_does_not_exist()
    return _known_queue(raw)


_known_queue = lru_cache(maxsize=1024)(QUEUES.decode)


def put_queue(state: Any, queue: Queue) -> None:
    state.put(("queue", queue.name), QUEUES.encode(queue))


def wake_key(name: str) -> tuple[str, str]:
    """What waiting receivers of a queue are woken by."""
    return ("ready", name)


def count(state: Any, queue: str) -> int:
    """How many messages a queue holds, whether they can be received or not."""
    return int(state.count(("message" if queue.endswith(".fifo") else "ready", queue)))


def message(state: Any, queue: str, sequence: int) -> Message:
    """A message of a FIFO queue that the index says is there."""
    return MESSAGES.decode(state.get(("message", queue, sequence)))


def flight(state: Any, queue: str, sequence: int) -> Flight | None:
    """A message's Flight, or None before its first receive."""
    raw = state.get(("flight", queue, sequence))
    return None if raw is None else FLIGHTS.decode(raw)


def put_flight(state: Any, queue: str, sequence: int, record: Flight) -> None:
    state.put(("flight", queue, sequence), FLIGHTS.encode(record))


def forget(state: Any, queue: str, sequence: int) -> None:
    """Remove the own records of a FIFO queue's message (not its place in an index)."""
    state.delete(("message", queue, sequence))
    state.delete(("flight", queue, sequence))


def receipt_handle(queue: str, sequence: int, count: int) -> str:
    """An opaque handle for the ``count``-th receive of a message."""
    return base64.b64encode(msgspec.msgpack.encode((queue, sequence, count))).decode()


def parse_handle(handle: str, queue: Queue) -> tuple[int, int]:
    """Sequence and receive count of a handle of this queue; raises ReceiptHandleIsInvalid."""
    try:
        name, sequence, count = msgspec.msgpack.decode(
            base64.b64decode(handle, validate=True), type=tuple[str, int, int]
        )
    except (binascii.Error, msgspec.MsgspecError, ValueError):
        raise errors.receipt_handle_is_invalid(handle) from None
    if name != queue.name:
        raise errors.receipt_handle_is_invalid(handle)
    return sequence, count


def flight_of(state: Any, queue: Queue, handle: str) -> tuple[int, Flight | None]:
    """The message a handle is for, and its Flight if no later receive made the handle stale."""
    sequence, count = parse_handle(handle, queue)
    record = flight(state, queue.name, sequence)
    return sequence, record if record is not None and record.count == count else None
