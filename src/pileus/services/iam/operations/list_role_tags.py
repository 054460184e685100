"""ListRoleTags. https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoleTags.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.iam import (
    identities,
    tagging,
)


@read
def list_role_tags(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A role's tags."""
    return tagging.tag_page(identities.given(call, "role", request).tags)
