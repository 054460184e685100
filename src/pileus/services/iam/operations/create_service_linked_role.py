"""CreateServiceLinkedRole. https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateServiceLinkedRole.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    roles,
)


@write
def create_service_linked_role(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Create the role that a service acts under."""
    return {"Role": roles.create_service_linked(call, request)}
