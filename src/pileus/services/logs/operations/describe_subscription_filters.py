"""DescribeSubscriptionFilters. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeSubscriptionFilters.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.logs import shapes, store


@read
def describe_subscription_filters(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A group's subscription filters; two are always one page."""
    group = store.group(call.state, request["logGroupName"])
    prefix = request.get("filterNamePrefix") or ""
    found = [each for each in group.subscriptions if each.name.startswith(prefix)]
    return {"subscriptionFilters": [shapes.wire_subscription(group.name, each) for each in found]}
