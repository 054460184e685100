"""UntagInstanceProfile. https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagInstanceProfile.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    store,
    tagging,
)


@write
def untag_instance_profile(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove tags from an instance profile."""
    record = store.profile(call.state, request["InstanceProfileName"])
    record.tags = tagging.without(record.tags, request["TagKeys"])
    store.put_profile(call.state, record)
