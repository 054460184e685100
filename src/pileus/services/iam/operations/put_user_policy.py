"""PutUserPolicy. https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutUserPolicy.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    identities,
)


@write
def put_user_policy(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Add an inline policy to a user, or replace the one of that name."""
    identities.put_inline(call, "user", request)
