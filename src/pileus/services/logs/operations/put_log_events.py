"""PutLogEvents. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.logs import events, metric_filters, model, shapes, store, subscriptions
from pileus.services.logs.model import Event


@write
def put_log_events(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Add a batch of events to a stream; those too old or too new are told, not stored."""
    group = store.group(call.state, request["logGroupName"])
    stream = store.stream(call.state, group.name, request["logStreamName"])
    now_ms = call.now_ms
    taken, rejected = model.accepted(request["logEvents"], now_ms, group.horizon_ms(now_ms))
    if taken:
        ordinals = count(call.sequence(len(taken)))
        lines = [
            Event(event["timestamp"], ordinal, now_ms, event["message"])
            for event, ordinal in zip(taken, ordinals, strict=False)
        ]
        events.append(call.state, group.name, stream, lines)
        store.put_stream(call.state, group.name, stream)
        if group.subscriptions:
            subscriptions.deliver(call, group, stream.name, lines)
        if group.metric_filter_count:
            metric_filters.deliver(call, group, lines)
    output: dict[str, Any] = {"nextSequenceToken": shapes.sequence_token(call.sequence())}
    if rejected:
        output["rejectedLogEventsInfo"] = rejected
    return output
