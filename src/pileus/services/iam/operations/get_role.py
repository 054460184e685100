"""GetRole. https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.iam import (
    identities,
    shapes,
)


@read
def get_role(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A role."""
    record = identities.given(call, "role", request)
    return {"Role": {**shapes.wire_identity(call, record), "RoleLastUsed": {}}}
