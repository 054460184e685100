"""ListTagsForResource. https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ListTagsForResource.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.ssm import tagging


@read
def list_tags_for_resource(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A parameter's tags."""
    tags = tagging.tagged(call.state, request).tags
    return {"TagList": [{"Key": key, "Value": value} for key, value in tags.items()]}
