"""CreateLogGroup. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.logs import errors, store
from pileus.services.logs.model import Group


@write
def create_log_group(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Create a log group."""
    name = request["logGroupName"]
    if name.lower().startswith("aws/"):
        raise errors.reserved_name()
    if call.state.get(("group", name)) is not None:
        raise errors.group_exists()
    store.put_group(
        call.state,
        Group(
            name=name,
            created_ms=call.now_ms,
            kms_key=request.get("kmsKeyId") or "",
            kind=request.get("logGroupClass") or "STANDARD",
            is_protected=bool(request.get("deletionProtectionEnabled")),
            tags=dict(request.get("tags") or {}),
        ),
    )
