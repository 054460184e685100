"""CreateLogStream. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogStream.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.logs import errors, store
from pileus.services.logs.model import Stream


@write
def create_log_stream(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Create a log stream."""
    group = store.group(call.state, request["logGroupName"])
    name = request["logStreamName"]
    if call.state.get(("stream", group.name, name)) is not None:
        raise errors.stream_exists()
    store.put_stream(call.state, group.name, Stream(name=name, created_ms=call.now_ms))
