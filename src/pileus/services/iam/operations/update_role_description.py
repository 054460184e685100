"""UpdateRoleDescription. https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateRoleDescription.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    roles,
    shapes,
)


@write
def update_role_description(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Change a role's description."""
    record = roles.update(call, request)
    return {"Role": shapes.wire_identity(call, record)}
