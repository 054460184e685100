"""AttachRolePolicy. https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachRolePolicy.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    identities,
)


@write
def attach_role_policy(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Attach a managed policy to a role."""
    identities.attach(call, "role", request)
