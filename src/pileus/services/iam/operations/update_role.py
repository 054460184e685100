"""UpdateRole. https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateRole.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    roles,
)


@write
def update_role(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Change a role's description and longest session."""
    roles.update(call, request)
    return {}
