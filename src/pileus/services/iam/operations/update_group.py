"""UpdateGroup. https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateGroup.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    renaming,
)


@write
def update_group(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Give a group another name or path."""
    renaming.renamed(call, "group", request)
