"""DetachGroupPolicy. https://docs.aws.amazon.com/IAM/latest/APIReference/API_DetachGroupPolicy.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    identities,
)


@write
def detach_group_policy(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Detach a managed policy from a group."""
    identities.detach(call, "group", request)
