"""DeleteLogStream. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogStream.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.logs import errors, store


@write
def delete_log_stream(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Delete a log stream and its events."""
    group = store.group(call.state, request["logGroupName"])
    if group.is_protected:
        raise errors.is_protected()
    stream = store.stream(call.state, group.name, request["logStreamName"])
    call.state.delete(("stream", group.name, stream.name))
    call.state.delete_range(("chunk", group.name, stream.name))
