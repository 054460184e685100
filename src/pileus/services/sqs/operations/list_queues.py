"""ListQueues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.sqs import paging
from pileus.services.sqs.limits import LIMITS


@read
def list_queues(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Addresses of queues in order of name; paged only when MaxResults is given, as on AWS."""
    prefix = request.get("QueueNamePrefix") or ""
    limit = paging.limit_of(request)
    after = ("queue", paging.after(request)) if request.get("NextToken") else None
    count = limit or LIMITS.list_results_max
    rows = call.state.range(("queue",), start=("queue", prefix), after=after, limit=count + 1)
    names, token = paging.page(
        [str(key[1]) for key, _ in rows if str(key[1]).startswith(prefix)], limit
    )
    if not names:
        return {}
    base = f"{call.context.endpoint}/{call.account}/"
    return {"QueueUrls": [base + name for name in names], **token}
