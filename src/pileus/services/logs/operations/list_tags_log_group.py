"""ListTagsLogGroup. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_ListTagsLogGroup.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.logs import store


@read
def list_tags_log_group(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A log group's tags."""
    return {"tags": store.group(call.state, request["logGroupName"]).tags}
