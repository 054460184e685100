"""DeleteLogGroup. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogGroup.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.logs import errors, store


@write
def delete_log_group(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Delete a log group with every stream and event."""
    group = store.group(call.state, request["logGroupName"])
    if group.is_protected:
        raise errors.is_protected()
    call.state.delete(("group", group.name))
    for kind in ("stream", "chunk", "metric_filter"):
        call.state.delete_range((kind, group.name))
    call.cancel_timer("expire_events", group.name)
