"""What a request says of an alarm: checked, and as it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.services.cloudwatch import actions, data_queries, errors, series, statistics
from pileus.services.cloudwatch.evaluation import COMPARISONS, TREATMENTS
from pileus.services.cloudwatch.limits import LIMITS

_UNSUPPORTED = ("ThresholdMetricId", "EvaluationCriteria", "EvaluationWindow",
                "WarmUpConfiguration", "EvaluationInterval", "ActionConfiguration")  # fmt: skip
_COMPOSITE_UNSUPPORTED = ("ActionsSuppressor", "ActionsSuppressorWaitPeriod",
                          "ActionsSuppressorExtensionPeriod", "ActionConfiguration")  # fmt: skip
_OF_ONE_METRIC = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions",
                  "Period", "Unit")  # fmt: skip
_PERIODS_S = (10, 20, 30)


def metric_alarm(request: Mapping[str, Any]) -> dict[str, Any]:
    """The definition of a metric alarm; raises what AWS says of one that cannot be."""
    for member in _UNSUPPORTED:
        if request.get(member) is not None:
            raise errors.unsupported(f"PutMetricAlarm with {member}")
    if request.get("ComparisonOperator") is None:
        raise errors.missing("ComparisonOperator")
    if request["ComparisonOperator"] not in COMPARISONS:
        raise errors.unsupported(f"PutMetricAlarm with {request['ComparisonOperator']}")
    for member in ("EvaluationPeriods", "Threshold"):
        if request.get(member) is None:
            raise errors.missing(member)
    treatment = request.get("TreatMissingData") or "missing"
    if treatment not in TREATMENTS:
        raise errors.invalid_parameter(treatment, "TreatMissingData")
    wanted = request.get("DatapointsToAlarm")
    if wanted is not None and wanted > request["EvaluationPeriods"]:
        raise errors.validation(
            "DatapointsToAlarm must be less than or equal to EvaluationPeriods."
        )
    if request.get("Metrics"):
        _check_queries(request)
    else:
        _check_one_metric(request)
    check_actions(request, "PutMetricAlarm")
    return _kept(request)


def _kept(request: Mapping[str, Any]) -> dict[str, Any]:
    """The request as it is kept; tags lie elsewhere."""
    return {name: value for name, value in request.items() if name != "Tags" and value is not None}


def _check_one_metric(request: Mapping[str, Any]) -> None:
    for member in ("MetricName", "Namespace", "Period"):
        if not request.get(member):
            raise errors.missing(member)
    simple, extended = request.get("Statistic"), request.get("ExtendedStatistic")
    if simple and extended:
        raise errors.exclusive("Statistic", "ExtendedStatistic")
    if not simple and not extended:
        raise errors.missing("Statistic")
    if extended:
        statistics.statistic(extended, "ExtendedStatistic")
    low = request.get("EvaluateLowSampleCountPercentile")
    if low not in (None, "", "evaluate", "ignore"):
        raise errors.invalid_parameter(low, "EvaluateLowSampleCountPercentile")
    _check_period(request["Period"], request["EvaluationPeriods"])


def _check_period(period_s: int, count: int) -> None:
    if period_s not in _PERIODS_S and period_s % 60:
        raise errors.validation("Period must be 10, 20, 30 or a multiple of 60.")
    span_s = LIMITS.alarm_span_s if period_s >= 3600 else 24 * 3600
    if period_s * count > span_s:
        raise errors.validation(
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be "
            "<= 86400)."
            if span_s == 24 * 3600
            else "EvaluationPeriods * Period must be <= 604800 for periods of an hour or more."
        )


def _check_queries(request: Mapping[str, Any]) -> None:
    queries = request["Metrics"]
    for member in _OF_ONE_METRIC:
        if request.get(member) is not None:
            raise errors.exclusive("Metrics", member)
    if len(queries) > LIMITS.alarm_metrics_max:
        raise errors.validation(f"Metrics can have {LIMITS.alarm_metrics_max} items at most.")
    data_queries.check(queries)
    returned = [query["Id"] for query in queries if query.get("ReturnData", True)]
    if len(returned) != 1:
        raise errors.validation("Exactly one element of the metrics list should return data.")
    _check_period(data_queries.period_of(queries), request["EvaluationPeriods"])
    for query in queries:
        if query.get("MetricStat"):
            series.check_period(query["MetricStat"]["Period"])


def composite_alarm(request: Mapping[str, Any]) -> dict[str, Any]:
    """The definition of a composite alarm; its rule is checked elsewhere."""
    for member in _COMPOSITE_UNSUPPORTED:
        if request.get(member) is not None:
            raise errors.unsupported(f"PutCompositeAlarm with {member}")
    check_actions(request, "PutCompositeAlarm")
    return _kept(request)


def check_actions(request: Mapping[str, Any], operation: str) -> None:
    """Refuse by name what nothing here could carry out."""
    for member in actions.LISTS.values():
        given = request.get(member) or ()
        if len(given) > LIMITS.actions_max:
            raise errors.validation(
                f"The collection {member} must not have a size greater than {LIMITS.actions_max}."
            )
        for arn in given:
            if not str(arn).startswith("arn:"):
                raise errors.validation(f"Invalid arn syntax: {arn}")
            if actions.refused(str(arn)):
                raise errors.unsupported(f"{operation} with the action {arn}")
