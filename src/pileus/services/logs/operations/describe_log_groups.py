"""DescribeLogGroups. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.logs import errors, shapes, store
from pileus.services.logs.limits import LIMITS
from pileus.values.page_tokens import page_token


@read
def describe_log_groups(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Log groups in order of name."""
    prefix = request.get("logGroupNamePrefix") or ""
    pattern = request.get("logGroupNamePattern") or ""
    if prefix and pattern:
        raise errors.prefix_and_pattern()
    wanted = {store.group_name(each) for each in request.get("logGroupIdentifiers") or ()}
    kind = request.get("logGroupClass")
    limit = request.get("limit") or LIMITS.describe_page
    after = store.parse_name_token(request.get("nextToken"))
    output: dict[str, Any] = {"logGroups": []}
    rows = call.state.range(
        ("group",), start=("group", prefix), after=("group", after) if after else None
    )
    for _, raw in rows:
        group = store.GROUPS.decode(raw)
        if not group.name.startswith(prefix):
            break
        if pattern not in group.name or (wanted and group.name not in wanted):
            continue
        if kind and group.kind != kind:
            continue
        if len(output["logGroups"]) == limit:
            last = output["logGroups"][-1]["logGroupName"]
            output["nextToken"] = page_token(last)
            break
        output["logGroups"].append(shapes.wire_group(call, group))
    return output
