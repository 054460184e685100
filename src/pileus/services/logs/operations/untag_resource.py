"""UntagResource. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_UntagResource.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.logs import store


@write
def untag_resource(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove tags of a log group by key."""
    group = store.tagged_group(call.state, request["resourceArn"])
    gone = set(request["tagKeys"])
    group.tags = {key: value for key, value in group.tags.items() if key not in gone}
    store.put_group(call.state, group)
