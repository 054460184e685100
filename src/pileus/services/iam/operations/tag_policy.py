"""TagPolicy. https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagPolicy.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    managed,
    store,
    tagging,
)


@write
def tag_policy(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Add tags to a managed policy."""
    record = managed.own(call, request["PolicyArn"])
    record.tags = tagging.merged(record.tags, request["Tags"])
    store.put_policy(call.state, record)
