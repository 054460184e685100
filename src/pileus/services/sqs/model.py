"""Queues and messages as records, and what may be decided from them alone."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from typing import Any

import msgspec


class Queue(msgspec.Struct, kw_only=True):
    """A queue. ``attributes`` holds only what was set; :data:`DEFAULTS` tells the rest."""

    name: str
    created_ms: int
    modified_ms: int
    attributes: dict[str, str] = {}
    tags: dict[str, str] = {}
    purged_ms: int = 0

    @property
    def is_fifo(self) -> bool:
        return self.name.endswith(".fifo")

    def attribute(self, name: str) -> str:
        """The value set, or SQS's default."""
        return self.attributes.get(name) or DEFAULTS[name]

    def number(self, name: str) -> int:
        """A numeric attribute."""
        return int(self.attributes.get(name) or DEFAULTS[name])


class Message(msgspec.Struct, kw_only=True, array_like=True):
    """What was sent; it never changes."""

    id: str
    body: str
    sent_ms: int
    sequence: int
    sender: str = ""
    attributes: dict[str, dict[str, Any]] = {}
    system_attributes: dict[str, dict[str, Any]] = {}
    group: str = ""
    deduplication_id: str = ""
    dead_letter_source: str = ""


class Flight(msgspec.Struct, array_like=True):
    """When a message can be received (again), how often it was, first and last; in a standard queue
    the message itself as well, encoded."""

    visible_ms: int
    count: int = 0
    first_ms: int = 0
    taken_ms: int = 0
    message: bytes = b""


class Sent(msgspec.Struct):
    """What a deduplication id stands for."""

    expires_ms: int
    message_id: str
    sequence: int


class Attempt(msgspec.Struct):
    """What one ReceiveRequestAttemptId received, and when."""

    expires_ms: int
    taken_ms: int
    visible_ms: int
    sequences: list[int]


class MoveTask(msgspec.Struct, kw_only=True):
    """A redrive of dead letters."""

    id: str
    source: str
    target: str = ""
    rate: int = 0
    status: str = "RUNNING"
    started_ms: int
    moved: int = 0
    to_move: int = 0
    failure: str = ""


DEFAULTS = {
    "DelaySeconds": "0",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "VisibilityTimeout": "30",
    "SqsManagedSseEnabled": "true",
    "KmsDataKeyReusePeriodSeconds": "300",
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
}

NUMBER_RANGES = {
    "DelaySeconds": (0, 900),
    "MaximumMessageSize": (1024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43_200),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
}

FIFO_ONLY = frozenset(
    {"FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"}
)
SETTABLE = (
    frozenset(NUMBER_RANGES)
    | FIFO_ONLY
    | {"Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId", "SqsManagedSseEnabled"}
)
COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
READABLE = SETTABLE | set(COUNTS) | {"QueueArn", "CreatedTimestamp", "LastModifiedTimestamp"}


SYSTEM_ATTRIBUTES = (
    "SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp",
    "SequenceNumber", "MessageDeduplicationId", "MessageGroupId", "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
)  # fmt: skip
"""What ReceiveMessage can tell of a message beside its own attributes."""


def md5(text: str) -> str:
    """Hex MD5 of UTF-8 text, as clients check it."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def attributes_md5(attributes: Mapping[str, Mapping[str, Any]]) -> str:
    """The digest over message attributes.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
    """
    digest = hashlib.md5(usedforsecurity=False)

    def add(raw: bytes) -> None:
        digest.update(struct.pack(">I", len(raw)))
        digest.update(raw)

    for name in sorted(attributes):
        value = attributes[name]
        add(name.encode())
        add(value["DataType"].encode())
        if value["DataType"].startswith("Binary"):
            digest.update(b"\x02")
            add(value["BinaryValue"])
        else:
            digest.update(b"\x01")
            add(value["StringValue"].encode())
    return digest.hexdigest()


def size_bytes(body: str, attributes: Mapping[str, Mapping[str, Any]]) -> int:
    """What counts against the size limit: body, attribute names, types and values."""
    total = len(body) if body.isascii() else len(body.encode())
    for name, value in attributes.items():
        total += len(name.encode()) + len(value["DataType"].encode())
        total += len(value.get("BinaryValue", b"")) + len(
            str(value.get("StringValue", "")).encode()
        )
    return total
