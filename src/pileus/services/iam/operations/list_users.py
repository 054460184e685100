"""ListUsers. https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.iam import (
    identities,
)


@read
def list_users(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Users in order of name."""
    return identities.listed(call, "user", request)
