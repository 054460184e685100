"""ListAttachedRolePolicies. https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAttachedRolePolicies.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.iam import (
    identities,
)


@read
def list_attached_role_policies(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Managed policies attached to a role."""
    return identities.list_attached(call, "role", request)
