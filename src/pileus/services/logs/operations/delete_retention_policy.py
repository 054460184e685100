"""DeleteRetentionPolicy. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteRetentionPolicy.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.logs import store


@write
def delete_retention_policy(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Keep events for ever."""
    group = store.group(call.state, request["logGroupName"])
    group.retention_days = 0
    store.put_group(call.state, group)
    call.cancel_timer("expire_events", group.name)
