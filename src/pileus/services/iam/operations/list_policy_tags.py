"""ListPolicyTags. https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPolicyTags.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.iam import (
    managed,
    tagging,
)


@read
def list_policy_tags(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A managed policy's tags."""
    return tagging.tag_page(managed.own(call, request["PolicyArn"]).tags)
