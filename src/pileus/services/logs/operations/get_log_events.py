"""GetLogEvents. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.logs import events, model, shapes, store
from pileus.services.logs.limits import LIMITS
from pileus.services.logs.model import Position
from pileus.services.logs.pages import Page, window


@read
def get_log_events(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A page of a stream's events, always oldest first within the page."""
    group = store.asked_group(call, request)
    stream = store.stream(call.state, group.name, request["logStreamName"])
    low, high = window(call, group, request, is_end_inclusive=False)
    is_forward = bool(request.get("startFromHead"))
    edge = low
    if token := request.get("nextToken"):
        direction, edge = model.parse_token(token)
        is_forward = direction == "f"
        low, high = (max(low, edge), high) if is_forward else (low, min(high, edge))
    page = Page(request.get("limit") or LIMITS.page_events_max)
    look = events.forward if is_forward else events.backward
    for event in look(call.state, group.name, stream.name, low, high):
        if not page.add(event):
            break
    found = page.events if is_forward else page.events[::-1]
    # An empty page gives its own place back, so that a follower asks there again.
    first: Position = found[0].position if found else edge
    after: Position = (found[-1].at_ms, found[-1].ordinal + 1) if found else edge
    return {
        "events": [shapes.wire_event(event) for event in found],
        "nextForwardToken": model.page_token("f", after),
        "nextBackwardToken": model.page_token("b", first),
    }
