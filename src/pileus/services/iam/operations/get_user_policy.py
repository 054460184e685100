"""GetUserPolicy. https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetUserPolicy.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.iam import (
    identities,
)


@read
def get_user_policy(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The text of a user's inline policy."""
    return identities.get_inline(call, "user", request)
