"""PutLogGroupDeletionProtection. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogGroupDeletionProtection.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.logs import store


@write
def put_log_group_deletion_protection(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Say whether a log group can be deleted."""
    group = store.asked_group(call, request)
    group.is_protected = request["deletionProtectionEnabled"]
    store.put_group(call.state, group)
