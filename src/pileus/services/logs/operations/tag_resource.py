"""TagResource. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TagResource.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.logs import errors, store
from pileus.services.logs.limits import LIMITS


@write
def tag_resource(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Add tags to a log group, replacing those with the same keys."""
    group = store.tagged_group(call.state, request["resourceArn"])
    tags = {**group.tags, **request["tags"]}
    if len(tags) > LIMITS.tags_max:
        raise errors.too_many_tags(request["resourceArn"])
    group.tags = tags
    store.put_group(call.state, group)
