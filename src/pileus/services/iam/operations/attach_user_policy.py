"""AttachUserPolicy. https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachUserPolicy.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    identities,
)


@write
def attach_user_policy(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Attach a managed policy to a user."""
    identities.attach(call, "user", request)
