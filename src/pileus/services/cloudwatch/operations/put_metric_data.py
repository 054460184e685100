"""PutMetricData. https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.distribution import Distribution
from pileus.kernel.operations import write
from pileus.services.cloudwatch import errors, retention, store
from pileus.services.cloudwatch.limits import LIMITS
from pileus.services.cloudwatch.model import dimensions_of
from pileus.values.times import epoch_ms

_LARGEST = 2.0**360


@write
def put_metric_data(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Take numbers: single ones, lists with counts, statistic sets. All or none."""
    namespace, data = request["Namespace"], request.get("MetricData") or []
    is_ours = call.context.principal.arn.startswith("service:")
    if namespace.startswith("AWS/") and not is_ours:
        raise errors.invalid_parameter(namespace, "Namespace")
    # Entities only relate metrics to each other in AWS's console.
    for group in request.get("EntityMetricData") or ():
        data = [*data, *(group.get("MetricData") or ())]
    if not data:
        raise errors.missing("MetricData")
    if len(data) > LIMITS.data_max:
        raise errors.invalid_value(
            f"The collection MetricData must not have a size greater than {LIMITS.data_max}."
        )
    for number, datum in enumerate(data, 1):
        _put(call, namespace, datum, f"MetricData.member.{number}")
    retention.ensure_sweep(call)


def _put(call: WriteCall, namespace: str, datum: Mapping[str, Any], where: str) -> None:
    if not datum.get("MetricName"):
        raise errors.missing(f"{where}.MetricName")
    dimensions = dimensions_of(datum.get("Dimensions"))
    if len(dimensions) > LIMITS.dimensions_max:
        raise errors.invalid_value(
            f"The collection {where}.Dimensions must not have a size greater than "
            f"{LIMITS.dimensions_max}."
        )
    at_ms = _moment_ms(call, datum, where)
    resolution_s = datum.get("StorageResolution") or 60
    if resolution_s not in (1, 60):
        raise errors.invalid_parameter(resolution_s, f"{where}.StorageResolution")
    numbers = _numbers(datum, where)
    series = store.note_metric(call, namespace, datum["MetricName"], dimensions, at_ms)
    kept_s = retention.resolution_s(resolution_s, call.now_ms - at_ms)
    store.add_points(call, series, kept_s, at_ms, datum.get("Unit") or "None", numbers)


def _moment_ms(call: WriteCall, datum: Mapping[str, Any], where: str) -> int:
    given = datum.get("Timestamp")
    if given is None:
        return call.now_ms
    at_ms = epoch_ms(given)
    if at_ms > call.now_ms + LIMITS.future_ms:
        raise errors.invalid_value(
            f"The parameter {where}.Timestamp must specify a time no more than two hours in the "
            "future."
        )
    if at_ms < call.now_ms - LIMITS.past_ms:
        raise errors.invalid_value(
            f"The parameter {where}.Timestamp must specify a time within the past two weeks."
        )
    return at_ms


def _numbers(datum: Mapping[str, Any], where: str) -> Distribution:
    forms = [name for name in ("Value", "Values", "StatisticValues") if datum.get(name) is not None]
    if len(forms) > 1:
        raise errors.exclusive(f"{where}.{forms[0]}", f"{where}.{forms[1]}")
    if not forms:
        raise errors.missing(f"{where}.Value")
    if forms == ["StatisticValues"]:
        return _statistic_set(datum["StatisticValues"], f"{where}.StatisticValues")
    values = [datum["Value"]] if forms == ["Value"] else list(datum["Values"])
    counts = list(datum.get("Counts") or [1.0] * len(values))
    if len(counts) != len(values):
        raise errors.invalid_value(
            f"The parameters {where}.Values and {where}.Counts must be of the same size."
        )
    if not values or len(values) > LIMITS.values_max:
        raise errors.invalid_value(
            f"The collection {where}.Values must have a size between 1 and {LIMITS.values_max}."
        )
    numbers = Distribution()
    for value, count in zip(values, counts, strict=True):
        numbers.add(_checked(value, f"{where}.{forms[0]}"), _checked(count, f"{where}.Counts"))
    return numbers


def _statistic_set(given: Mapping[str, Any], where: str) -> Distribution:
    count, total, low, high = (
        _checked(given[name], f"{where}.{name}")
        for name in ("SampleCount", "Sum", "Minimum", "Maximum")
    )
    if count <= 0:
        raise errors.invalid_value(f"The parameter {where}.SampleCount must be greater than 0.")
    if low > high:
        raise errors.combination(
            f"The parameter {where}.Maximum must be greater than or equal to {where}.Minimum."
        )
    # Percentiles are told only where all the numbers are the same one.
    values = {low: count} if low == high else {}
    return Distribution(count, total, low, high, values, is_whole=low == high)


def _checked(value: float, where: str) -> float:
    if not math.isfinite(value) or abs(value) > _LARGEST:
        raise errors.invalid_parameter(value, where)
    return float(value)
