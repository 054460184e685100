"""ListGroups. https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListGroups.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.iam import (
    identities,
)


@read
def list_groups(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Groups in order of name."""
    return identities.listed(call, "group", request)
