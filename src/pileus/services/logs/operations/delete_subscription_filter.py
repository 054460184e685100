"""DeleteSubscriptionFilter. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteSubscriptionFilter.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.logs import errors, store


@write
def delete_subscription_filter(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Deliver no more."""
    group = store.group(call.state, request["logGroupName"])
    left = [each for each in group.subscriptions if each.name != request["filterName"]]
    if len(left) == len(group.subscriptions):
        raise errors.filter_not_found()
    group.subscriptions = left
    store.put_group(call.state, group)
