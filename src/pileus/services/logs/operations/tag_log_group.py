"""TagLogGroup. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TagLogGroup.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.logs import errors, store
from pileus.services.logs.limits import LIMITS


@write
def tag_log_group(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Add tags, replacing those with the same keys."""
    group = store.group(call.state, request["logGroupName"])
    tags = {**group.tags, **request["tags"]}
    if len(tags) > LIMITS.tags_max:
        raise errors.too_many_tags(store.group_arn(call, group.name))
    group.tags = tags
    store.put_group(call.state, group)
