"""ListUserPolicies. https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUserPolicies.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.iam import (
    identities,
)


@read
def list_user_policies(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Names of a user's inline policies."""
    return identities.list_inline(call, "user", request)
