"""ListAttachedUserPolicies. https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAttachedUserPolicies.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.iam import (
    identities,
)


@read
def list_attached_user_policies(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Managed policies attached to a user."""
    return identities.list_attached(call, "user", request)
