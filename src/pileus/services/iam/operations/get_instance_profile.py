"""GetInstanceProfile. https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetInstanceProfile.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.iam import (
    roles,
    store,
)


@read
def get_instance_profile(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """An instance profile and its role."""
    record = store.profile(call.state, request["InstanceProfileName"])
    return {"InstanceProfile": roles.described_profile(call, record)}
