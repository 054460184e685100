"""FilterLogEvents. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.logs import errors, events, model, shapes, store, subscriptions
from pileus.services.logs.limits import LIMITS
from pileus.services.logs.model import Event, Group, Position, Stream
from pileus.services.logs.pages import Page, window


@read
def filter_log_events(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Events of a group that fit a pattern, of all its streams in order of time.

    A page may be short, or empty, and still have a token: the call looks at a bounded number of
    events at a time, as AWS's does.
    """
    group = store.asked_group(call, request)
    matches = subscriptions.pattern(request.get("filterPattern") or "").matches
    low, high = window(call, group, request, is_end_inclusive=True)
    is_forward = request.get("startFromHead") is not False
    if token := request.get("nextToken"):
        direction, edge = model.parse_token(token)
        is_forward = direction == "f"
        low, high = (max(low, edge), high) if is_forward else (low, min(high, edge))
    page = Page(request.get("limit") or LIMITS.page_events_max)
    found: list[dict[str, Any]] = []
    seen, last, is_cut = 0, low, False
    for stream, event in _merged(call, group, request, (low, high), is_forward):
        is_wanted = matches(event.message)
        if seen == LIMITS.scanned_events_max or (is_wanted and not page.add(event)):
            is_cut = True
            break
        seen, last = seen + 1, event.position
        if is_wanted:
            found.append(shapes.wire_filtered(stream, event))
    output: dict[str, Any] = {"events": found, "searchedLogStreams": []}
    if is_cut:
        after = (last[0], last[1] + 1) if is_forward else last
        output["nextToken"] = model.page_token("f" if is_forward else "b", after)
    return output


def _merged(
    call: ReadCall,
    group: Group,
    request: Mapping[str, Any],
    bounds: tuple[Position, Position],
    is_forward: bool,
) -> Iterator[tuple[str, Event]]:
    """Events of every stream asked for, with the stream's name, in order."""
    look = events.forward if is_forward else events.backward
    low, high = bounds

    def named(stream: str) -> Iterator[tuple[str, Event]]:
        for event in look(call.state, group.name, stream, low, high):
            yield stream, event

    sources = [
        named(stream.name)
        for stream in _streams(call, group, request)
        if not stream.is_empty and stream.last_ms >= low[0] and stream.first_ms <= high[0]
    ]
    if len(sources) == 1:
        return sources[0]
    return heapq.merge(*sources, key=lambda pair: pair[1].position, reverse=not is_forward)


def _streams(call: ReadCall, group: Group, request: Mapping[str, Any]) -> list[Stream]:
    names = request.get("logStreamNames")
    prefix = request.get("logStreamNamePrefix") or ""
    if names and prefix:
        raise errors.names_and_prefix()
    if names:
        return [store.stream(call.state, group.name, name) for name in dict.fromkeys(names)]
    start = ("stream", group.name, prefix)
    rows = call.state.range(("stream", group.name), start=start)
    return [store.STREAMS.decode(raw) for key, raw in rows if str(key[2]).startswith(prefix)]
