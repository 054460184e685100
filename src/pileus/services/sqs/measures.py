"""What CloudWatch shows of queues.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.measures import Dimensions, Measure
from pileus.services.sqs import settings, store

_Called = tuple[str, str, int, tuple[int, ...]]
"""Queue, operation, how many messages, and of what size in bytes where they were sent."""


def of_call(operation: str, input: Mapping[str, Any], output: Mapping[str, Any]) -> _Called | None:
    """Messages sent, received and deleted, and receives that found nothing."""
    if operation not in _OPERATIONS:
        return None
    queue = input["QueueUrl"].rpartition("/")[2]
    if operation == "ReceiveMessage":
        return queue, operation, len(output.get("Messages") or ()), ()
    if operation == "SendMessage":
        return queue, operation, 1, (_size_bytes(input),)
    if operation == "DeleteMessage":
        return queue, operation, 1, ()
    done = output.get("Successful") or ()
    if operation == "DeleteMessageBatch":
        return queue, operation, len(done), ()
    accepted = {entry["Id"] for entry in done}
    sent = [each for each in input.get("Entries") or () if each["Id"] in accepted]
    return queue, operation, len(done), tuple(_size_bytes(each) for each in sent)


def counted(called: _Called) -> Iterator[Measure]:
    """The numbers of a call."""
    queue, operation, count, sizes = called
    dimensions: Dimensions = (("QueueName", queue),)
    if operation == "ReceiveMessage":
        if count:
            yield Measure(dimensions, "NumberOfMessagesReceived", "Count", float(count))
        yield Measure(dimensions, "NumberOfEmptyReceives", "Count", 0.0 if count else 1.0)
        return
    if operation.startswith("Delete"):
        yield Measure(dimensions, "NumberOfMessagesDeleted", "Count", float(count))
        return
    yield Measure(dimensions, "NumberOfMessagesSent", "Count", float(count))
    for size in sizes:
        yield Measure(dimensions, "SentMessageSize", "Bytes", float(size))


def _size_bytes(sent: Mapping[str, Any]) -> int:
    body = sent["MessageBody"]
    return len(body) if body.isascii() else len(body.encode())


_OPERATIONS = frozenset(
    {
        "SendMessage",
        "SendMessageBatch",
        "ReceiveMessage",
        "DeleteMessage",
        "DeleteMessageBatch",
    }
)
_GAUGES = ("Visible", "NotVisible", "Delayed")


def gauges(call: ReadCall) -> Iterator[Measure]:
    """How many messages every queue holds."""
    for _, raw in call.state.range(("queue",)):
        queue = store.QUEUES.decode(raw)
        dimensions: Dimensions = (("QueueName", queue.name),)
        for name, count in zip(_GAUGES, settings.counts(call, queue), strict=True):
            metric = f"ApproximateNumberOfMessages{name}"
            yield Measure(dimensions, metric, "Count", float(count))
