"""PutGroupPolicy. https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutGroupPolicy.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    identities,
)


@write
def put_group_policy(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Add an inline policy to a group, or replace the one of that name."""
    identities.put_inline(call, "group", request)
