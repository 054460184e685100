"""Metric filters. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.logs import errors, metric_filters, shapes, store
from pileus.services.logs.limits import LIMITS
from pileus.services.logs.model import MetricFilter
from pileus.values.page_tokens import page_token

_UNSUPPORTED = ("applyOnTransformedLogs", "fieldSelectionCriteria", "emitSystemFieldDimensions")


@write
def put_metric_filter(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Make a metric from what a group receives from now on."""
    for member in _UNSUPPORTED:
        if request.get(member):
            raise errors.unsupported(f"{member} of metric filters")
    group = store.group(call.state, request["logGroupName"])
    wanted = request["metricTransformations"][0]
    record = MetricFilter(
        name=request["filterName"],
        pattern=request["filterPattern"],
        namespace=wanted["metricNamespace"],
        metric=wanted["metricName"],
        value=wanted["metricValue"],
        default=wanted.get("defaultValue"),
        unit=wanted.get("unit") or "None",
        dimensions=wanted.get("dimensions") or {},
        created_ms=call.now_ms,
    )
    metric_filters.check(record)
    known = store.find_metric_filter(call.state, group.name, record.name)
    if known is None:
        if group.metric_filter_count >= LIMITS.metric_filters_max:
            raise errors.limit_exceeded()
        group.metric_filter_count += 1
        store.put_group(call.state, group)
    else:
        record.created_ms = known.created_ms
    store.put_metric_filter(call.state, group.name, record)


@write
def delete_metric_filter(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Make the metric no more; what was made stays."""
    group = store.group(call.state, request["logGroupName"])
    if store.find_metric_filter(call.state, group.name, request["filterName"]) is None:
        raise errors.metric_filter_not_found()
    store.remove_metric_filter(call.state, group.name, request["filterName"])
    group.metric_filter_count -= 1
    store.put_group(call.state, group)


@read
def describe_metric_filters(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Metric filters of one group, or of all, in order of group and name."""
    limit = request.get("limit") or LIMITS.describe_page
    output: dict[str, Any] = {"metricFilters": []}
    last = ""
    for group, record in _wanted(call, request):
        if len(output["metricFilters"]) == limit:
            output["nextToken"] = page_token(last)
            break
        output["metricFilters"].append(shapes.wire_metric_filter(group, record))
        last = f"{group}:{record.name}"
    return output


def _wanted(call: ReadCall, request: Mapping[str, Any]) -> Iterator[tuple[str, MetricFilter]]:
    group = request.get("logGroupName") or ""
    if group:
        store.group(call.state, group)
    elif bool(request.get("metricName")) != bool(request.get("metricNamespace")):
        raise errors.invalid("metricName and metricNamespace must be given together.")
    # A colon is in no name of a group or filter.
    after = tuple(store.parse_name_token(request.get("nextToken")).split(":"))
    prefix = request.get("filterNamePrefix") or ""
    for found, record in store.all_metric_filters(call.state, group):
        if (found, record.name) <= after or not record.name.startswith(prefix):
            continue
        if request.get("metricName") not in (None, record.metric):
            continue
        if request.get("metricNamespace") not in (None, record.namespace):
            continue
        yield found, record
