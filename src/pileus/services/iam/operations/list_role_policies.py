"""ListRolePolicies. https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRolePolicies.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.iam import (
    identities,
)


@read
def list_role_policies(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Names of a role's inline policies."""
    return identities.list_inline(call, "role", request)
