"""DescribeLogStreams. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogStreams.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.logs import errors, shapes, store
from pileus.services.logs.pages import cut


@read
def describe_log_streams(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Streams in order of name or of their last event."""
    group = store.asked_group(call, request)
    prefix = request.get("logStreamNamePrefix") or ""
    is_by_time = request.get("orderBy") == "LastEventTime"
    if is_by_time and prefix:
        raise errors.prefix_with_time_order()
    start = ("stream", group.name, prefix)
    streams = []
    for _, raw in call.state.range(("stream", group.name), start=start):
        stream = store.STREAMS.decode(raw)
        if not stream.name.startswith(prefix):
            break
        streams.append(stream)
    if is_by_time:
        streams.sort(key=lambda stream: (stream.last_ms or stream.created_ms, stream.name))
    if request.get("descending"):
        streams.reverse()
    found, token = cut(streams, request)
    output: dict[str, Any] = {
        "logStreams": [shapes.wire_stream(call, group.name, stream) for stream in found]
    }
    if token:
        output["nextToken"] = token
    return output
