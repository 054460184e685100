"""CreateUser. https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    identities,
    shapes,
    store,
)


@write
def create_user(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Create a user."""
    record = identities.created(call, "user", request)
    store.put_identity(call.state, record)
    return {"User": shapes.wire_identity(call, record)}
