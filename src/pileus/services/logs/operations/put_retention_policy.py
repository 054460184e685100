"""PutRetentionPolicy. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.logs import errors, hooks, store
from pileus.services.logs.limits import RETENTION_DAYS


@write
def put_retention_policy(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Say after how many days events go."""
    days = request["retentionInDays"]
    if days not in RETENTION_DAYS:
        raise errors.invalid_retention(days)
    group = store.group(call.state, request["logGroupName"])
    group.retention_days = days
    store.put_group(call.state, group)
    hooks.schedule_expiry(call, group.name)
