"""ListInstanceProfileTags. https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListInstanceProfileTags.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.iam import (
    store,
    tagging,
)


@read
def list_instance_profile_tags(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """An instance profile's tags."""
    return tagging.tag_page(store.profile(call.state, request["InstanceProfileName"]).tags)
