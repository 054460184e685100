"""ListMetrics, GetMetricStatistics, GetMetricData.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.distribution import Distribution
from pileus.kernel.operations import read
from pileus.languages.metric_math import TimeSeries
from pileus.services.cloudwatch import data_queries, errors, series, statistics, store
from pileus.services.cloudwatch.limits import LIMITS
from pileus.services.cloudwatch.model import Metric, dimensions_of, wire_dimensions
from pileus.values.page_tokens import page_token
from pileus.values.times import epoch_ms, utc

_DAY_MS = 24 * 3_600_000
_MINUTE_MS = 60_000


@read
def list_metrics(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics with points of the last two weeks (three hours where asked for)."""
    namespace, name = request.get("Namespace"), request.get("MetricName")
    keep_ms = LIMITS.recent_ms if request.get("RecentlyActive") else LIMITS.listed_ms
    wanted = request.get("Dimensions") or ()
    within = [each for each in (namespace, name if namespace else None) if each]
    found = [
        metric
        for metric in store.metrics(call.state, *within)
        if (not name or metric.name == name)
        and metric.last_ms >= call.now_ms - keep_ms
        and _has_dimensions(metric, wanted)
    ]
    start = store.position(request.get("NextToken"))
    stop = start + LIMITS.list_page
    output: dict[str, Any] = {"Metrics": [_wire_metric(metric) for metric in found[start:stop]]}
    if stop < len(found):
        output["NextToken"] = page_token(stop)
    if request.get("IncludeLinkedAccounts"):
        output["OwningAccounts"] = [call.account] * len(output["Metrics"])
    return output


def _has_dimensions(metric: Metric, wanted: Any) -> bool:
    held = dict(metric.dimensions)
    return all(
        each["Name"] in held and each.get("Value") in (None, held[each["Name"]]) for each in wanted
    )


def _wire_metric(metric: Metric) -> dict[str, Any]:
    return {
        "Namespace": metric.namespace,
        "MetricName": metric.name,
        "Dimensions": wire_dimensions(metric.dimensions),
    }


@read
def get_metric_statistics(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Statistics of one metric by period, each unit by itself."""
    simple, extended = request.get("Statistics") or [], request.get("ExtendedStatistics") or []
    if not simple and not extended:
        raise errors.combination("At least one of the parameters Statistics and ExtendedStatistics "
                                 "must be specified.")  # fmt: skip
    period_s = request["Period"]
    series.check_period(period_s)
    span = _statistics_span(call, request, period_s)
    for name in extended:
        if name in ("SampleCount", "Average", "Sum", "Minimum", "Maximum"):
            raise errors.invalid_parameter(name, "ExtendedStatistics")
        statistics.statistic(name, "ExtendedStatistics")
    dimensions = dimensions_of(request.get("Dimensions"))
    name = store.series_of(request["Namespace"], request["MetricName"], dimensions)
    found = series.by_period(call.state, name, span, period_s, request.get("Unit"))
    points = [
        _wire_point(at_ms, unit, numbers, simple, extended)
        for (at_ms, unit), numbers in sorted(found.items())
    ]
    return {"Label": request["MetricName"], "Datapoints": points}


def _statistics_span(call: ReadCall, request: Mapping[str, Any], period_s: int) -> tuple[int, int]:
    """The start rounded down as AWS documents it for its age; raises for too many points."""
    start_ms, end_ms = epoch_ms(request["StartTime"]), epoch_ms(request["EndTime"])
    if start_ms >= end_ms:
        raise errors.invalid_value(
            "The parameter StartTime must be less than the parameter EndTime."
        )
    count = (end_ms - start_ms) // (period_s * 1000)
    if count > LIMITS.statistics_points_max:
        raise errors.too_many_points(count, LIMITS.statistics_points_max)
    return _rounded(start_ms, call.now_ms, period_s), end_ms


def _rounded(start_ms: int, now_ms: int, period_s: int) -> int:
    age_ms = now_ms - start_ms
    step_ms = _MINUTE_MS if age_ms < 15 * _DAY_MS else 5 * _MINUTE_MS
    if age_ms >= 63 * _DAY_MS:
        step_ms = 60 * _MINUTE_MS
    if period_s < 60:
        step_ms = period_s * 1000
    return start_ms // step_ms * step_ms


def _wire_point(
    at_ms: int, unit: str, numbers: Distribution, simple: list[str], extended: list[str]
) -> dict[str, Any]:
    point: dict[str, Any] = {"Timestamp": utc(at_ms), "Unit": unit}
    for name in simple:
        point[name] = statistics.statistic(name)(numbers)
    told = {name: statistics.statistic(name)(numbers) for name in extended}
    if told := {name: value for name, value in told.items() if value is not None}:
        point["ExtendedStatistics"] = told
    return point


@read
def get_metric_data(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics and expressions over them, in one answer or in pages of MaxDatapoints."""
    queries = request["MetricDataQueries"]
    if len(queries) > LIMITS.queries_max:
        raise errors.validation(
            f"The collection MetricDataQueries must not have a size greater than "
            f"{LIMITS.queries_max}."
        )
    start_ms, end_ms = epoch_ms(request["StartTime"]), epoch_ms(request["EndTime"])
    if start_ms >= end_ms:
        raise errors.validation("The parameter EndTime must be greater than StartTime.")
    data_queries.check(queries)
    for query in queries:
        if query.get("AccountId") not in (None, call.account):
            raise errors.unsupported("GetMetricData with another AccountId")
    answers = data_queries.Answers(call, queries, (start_ms, end_ms))
    results: list[dict[str, Any]] = []
    for query in queries:
        if query.get("ReturnData", True):
            found = answers.series(query["Id"])
            results += [_wire_series(query, each, request) for each in found]
    return _paged(results, request)


def _wire_series(
    query: Mapping[str, Any], found: TimeSeries, request: Mapping[str, Any]
) -> dict[str, Any]:
    is_rising = request.get("ScanBy") == "TimestampAscending"
    moments = sorted(found.points, reverse=not is_rising)
    default = found.label if query.get("MetricStat") else query["Id"]
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or default,
        "Timestamps": [utc(at) for at in moments],
        "Values": [found.points[at] for at in moments],
        "StatusCode": "Complete",
    }


def _paged(results: list[dict[str, Any]], request: Mapping[str, Any]) -> dict[str, Any]:
    """One page: points counted over all results in their order."""
    start = store.position(request.get("NextToken"))
    stop = start + (request.get("MaxDatapoints") or LIMITS.points_max)
    total = sum(len(each["Values"]) for each in results)
    if start == 0 and total <= stop:
        return {"MetricDataResults": results, "Messages": []}
    page, at = [], 0
    for each in results:
        size = len(each["Values"])
        first, last = max(start - at, 0), min(stop - at, size)
        if first < last or (size == 0 and start <= at < stop):
            cut = {name: each[name][first:last] for name in ("Timestamps", "Values")}
            code = "Complete" if last == size else "PartialData"
            page.append({**each, **cut, "StatusCode": code})
        at += size
    output: dict[str, Any] = {"MetricDataResults": page, "Messages": []}
    if stop < total:
        output["NextToken"] = page_token(stop)
    return output
