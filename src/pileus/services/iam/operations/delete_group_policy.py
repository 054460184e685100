"""DeleteGroupPolicy. https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteGroupPolicy.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    identities,
)


@write
def delete_group_policy(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove an inline policy from a group."""
    identities.delete_inline(call, "group", request)
