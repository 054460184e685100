"""CreateGroup. https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateGroup.html"""

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
def create_group(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Create a group."""
    record = identities.created(call, "group", request)
    store.put_identity(call.state, record)
    return {"Group": shapes.wire_identity(call, record)}
