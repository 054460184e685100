"""PutSubscriptionFilter. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.logs import errors, store, subscriptions
from pileus.services.logs.limits import LIMITS
from pileus.services.logs.model import Subscription


@write
def put_subscription_filter(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Deliver what a group receives from now on to a function or stream."""
    group = store.group(call.state, request["logGroupName"])
    subscriptions.pattern(request["filterPattern"])
    subscriptions.check_destination(call, request["destinationArn"])
    name = request["filterName"]
    others = [each for each in group.subscriptions if each.name != name]
    if len(others) >= LIMITS.subscriptions_max:
        raise errors.limit_exceeded()
    created = [each.created_ms for each in group.subscriptions if each.name == name]
    subscription = Subscription(
        name=name,
        pattern=request["filterPattern"],
        destination=request["destinationArn"],
        created_ms=created[0] if created else call.now_ms,
        role=request.get("roleArn") or "",
        distribution=request.get("distribution") or "ByLogStream",
    )
    group.subscriptions = sorted([*others, subscription], key=lambda each: each.name)
    store.put_group(call.state, group)
