"""UntagPolicy. https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagPolicy.html"""

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
def untag_policy(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove tags from a managed policy."""
    record = managed.own(call, request["PolicyArn"])
    record.tags = tagging.without(record.tags, request["TagKeys"])
    store.put_policy(call.state, record)
