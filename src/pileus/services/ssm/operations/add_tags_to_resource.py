"""AddTagsToResource. https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_AddTagsToResource.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.ssm import errors, store, tagging
from pileus.services.ssm.limits import LIMITS


@write
def add_tags_to_resource(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Add tags, replacing those with the same keys."""
    found = tagging.tagged(call.state, request)
    tags = {**found.tags, **{tag["Key"]: tag["Value"] for tag in request["Tags"]}}
    if len(tags) > LIMITS.tags_max:
        raise errors.too_many_tags()
    found.tags = tags
    store.put_parameter(call.state, found)
