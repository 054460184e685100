"""ListUserTags. https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUserTags.html"""

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
def list_user_tags(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A user's tags."""
    return tagging.tag_page(identities.given(call, "user", request).tags)
