"""What CloudWatch shows of queues.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.measures import Dimensions, Measure
from pileus.services.sqs import settings, store
from pileus.values.context import CallContext


def of_call(
    context: CallContext, operation: str, input: Mapping[str, Any], output: Mapping[str, Any]
) -> Iterator[Measure]:
    """Messages sent, received and deleted, and receives that found nothing."""
    if operation not in _OPERATIONS:
        return
    queue: Dimensions = (("QueueName", store.queue_name(str(input["QueueUrl"]))),)
    if operation == "ReceiveMessage":
        count = len(output.get("Messages") or ())
        if count:
            yield Measure(queue, "NumberOfMessagesReceived", "Count", float(count))
        yield Measure(queue, "NumberOfEmptyReceives", "Count", 0.0 if count else 1.0)
        return
    done = len(output.get("Successful") or ()) if operation.endswith("Batch") else 1
    if operation.startswith("Delete"):
        yield Measure(queue, "NumberOfMessagesDeleted", "Count", float(done))
        return
    yield Measure(queue, "NumberOfMessagesSent", "Count", float(done))
    sent: list[Mapping[str, Any]] = [input]
    if operation == "SendMessageBatch":
        accepted = {entry["Id"] for entry in output.get("Successful") or ()}
        sent = [each for each in input.get("Entries") or () if each["Id"] in accepted]
    for each in sent:
        size = float(len(str(each["MessageBody"]).encode()))
        yield Measure(queue, "SentMessageSize", "Bytes", size)


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
