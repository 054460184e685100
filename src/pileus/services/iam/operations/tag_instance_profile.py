"""TagInstanceProfile. https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagInstanceProfile.html"""

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
def tag_instance_profile(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Add tags to an instance profile."""
    record = store.profile(call.state, request["InstanceProfileName"])
    record.tags = tagging.merged(record.tags, request["Tags"])
    store.put_profile(call.state, record)
