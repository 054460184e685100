"""UpdateUser. https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateUser.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    renaming,
)


@write
def update_user(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Give a user another name or path."""
    renaming.renamed(call, "user", request)
