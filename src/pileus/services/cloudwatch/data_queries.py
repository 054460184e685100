"""Metric data queries: metrics and expressions over them, for GetMetricData and for alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.distribution import Distribution
from pileus.languages.metric_math import Surroundings, TimeSeries, Value, compute
from pileus.languages.metric_math_reader import InvalidExpression, Node, names_in, read_expression
from pileus.services.cloudwatch import errors, series, statistics, store
from pileus.services.cloudwatch.model import dimensions_of

_DEFAULT_PERIOD_S = 60


def check(queries: Sequence[Mapping[str, Any]]) -> None:
    """Raise what AWS says of queries that cannot be answered."""
    ids = [query["Id"] for query in queries]
    if len(set(ids)) != len(ids):
        raise errors.validation("The ids of metric data queries must be unique.")
    for query in queries:
        if not (query["Id"][:1].islower() and query["Id"].replace("_", "a").isalnum()):
            raise errors.validation(
                f"The value {query['Id']} for parameter Id is not matching the expected pattern "
                "^[a-z][a-zA-Z0-9_]*$."
            )
        stat, expression = query.get("MetricStat"), query.get("Expression")
        if bool(stat) == bool(expression):
            raise errors.validation(
                "Each metric data query must have either an Expression or a MetricStat."
            )
        if stat:
            series.check_period(stat["Period"])
            statistics.statistic(stat["Stat"])
        else:
            _read(query)


def _read(query: Mapping[str, Any]) -> Node:
    text = query["Expression"]
    if text.lstrip().upper().startswith("SELECT"):
        raise errors.unsupported("Metrics Insights queries (SELECT)")
    try:
        return read_expression(text)
    except InvalidExpression as error:
        raise errors.expression_error(query["Id"], str(error)) from error


def period_of(queries: Sequence[Mapping[str, Any]]) -> int:
    """The longest period among the metrics of some queries, seconds."""
    periods = [query["MetricStat"]["Period"] for query in queries if query.get("MetricStat")]
    given = [query["Period"] for query in queries if query.get("Period")]
    return int(max(given or periods or [_DEFAULT_PERIOD_S]))


class Answers:
    """Computes queries over one span of time; each once.

    Args:
        origin_ms: a moment at which a period begins.
    """

    def __init__(
        self,
        call: ReadCall,
        queries: Sequence[Mapping[str, Any]],
        span: tuple[int, int],
        origin_ms: int = 0,
    ) -> None:
        self._call = call
        self._queries = {query["Id"]: query for query in queries}
        self._span = span
        self._origin_ms = origin_ms
        self._values: dict[str, Value] = {}
        self._asking: list[str] = []

    def value(self, query_id: str) -> Value:
        """The result of a query; raises ValidationException for what cannot be computed."""
        if query_id not in self._values:
            if query_id in self._asking:
                raise errors.expression_error(query_id, "the expression refers to itself")
            self._asking.append(query_id)
            self._values[query_id] = self._computed(self._queries[query_id])
            self._asking.pop()
        return self._values[query_id]

    def series(self, query_id: str) -> list[TimeSeries]:
        """The time series of a query: one, or several for an expression that gives an array."""
        value = self.value(query_id)
        if isinstance(value, TimeSeries):
            return [value]
        if isinstance(value, list):
            return [each for each in value if isinstance(each, TimeSeries)]
        raise errors.expression_error(query_id, "the result is not a time series")

    def _computed(self, query: Mapping[str, Any]) -> Value:
        if query.get("MetricStat"):
            return self._metric(query)
        node = _read(query)
        metrics = [name for name, each in self._queries.items() if each.get("MetricStat")]
        wanted = {name for name in names_in(node) if name in self._queries}
        if "METRICS" in query["Expression"].upper():
            wanted |= set(metrics)
        values = {name: self.value(name) for name in wanted}
        start_ms, end_ms = self._span
        try:
            return compute(node, Surroundings(values, metrics, start_ms, end_ms))
        except InvalidExpression as error:
            raise errors.expression_error(query["Id"], str(error)) from error

    def _metric(self, query: Mapping[str, Any]) -> TimeSeries:
        wanted = query["MetricStat"]
        compute_one = statistics.statistic(wanted["Stat"])
        points = {}
        for at_ms, numbers in self.numbers(wanted).items():
            value = compute_one(numbers)
            if value is not None:
                points[at_ms] = value
        return TimeSeries(points, wanted["Period"], wanted["Metric"]["MetricName"])

    def numbers(self, wanted: Mapping[str, Any]) -> dict[int, Distribution]:
        """The numbers behind a ``MetricStat``, by period."""
        metric, period_s = wanted["Metric"], wanted["Period"]
        dimensions = dimensions_of(metric.get("Dimensions"))
        name = store.series_of(metric.get("Namespace") or "", metric["MetricName"], dimensions)
        step_ms = period_s * 1000
        start_ms, end_ms = self._span
        first_ms = start_ms - (start_ms - self._origin_ms) % step_ms
        found = series.by_period(
            self._call.state, name, (first_ms, end_ms), period_s, wanted.get("Unit")
        )
        return series.of_any_unit(found)
