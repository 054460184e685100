"""UntagLogGroup. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_UntagLogGroup.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.logs import store


@write
def untag_log_group(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove tags by key."""
    group = store.group(call.state, request["logGroupName"])
    gone = set(request["tags"])
    group.tags = {key: value for key, value in group.tags.items() if key not in gone}
    store.put_group(call.state, group)
