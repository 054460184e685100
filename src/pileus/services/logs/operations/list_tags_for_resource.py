"""ListTagsForResource. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_ListTagsForResource.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.logs import store


@read
def list_tags_for_resource(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A log group's tags."""
    return {"tags": store.tagged_group(call.state, request["resourceArn"]).tags}
