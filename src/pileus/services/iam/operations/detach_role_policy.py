"""DetachRolePolicy. https://docs.aws.amazon.com/IAM/latest/APIReference/API_DetachRolePolicy.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    identities,
)


@write
def detach_role_policy(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Detach a managed policy from a role."""
    identities.detach(call, "role", request)
