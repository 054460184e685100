"""RemoveTagsFromResource. https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_RemoveTagsFromResource.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.ssm import store, tagging


@write
def remove_tags_from_resource(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove tags by key."""
    found = tagging.tagged(call.state, request)
    gone = set(request["TagKeys"])
    found.tags = {key: value for key, value in found.tags.items() if key not in gone}
    store.put_parameter(call.state, found)
