"""DetachUserPolicy. https://docs.aws.amazon.com/IAM/latest/APIReference/API_DetachUserPolicy.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    identities,
)


@write
def detach_user_policy(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Detach a managed policy from a user."""
    identities.detach(call, "user", request)
