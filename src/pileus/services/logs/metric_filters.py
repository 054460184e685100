"""Metrics made from what a group receives.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/MonitoringLogData.html
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Delivery
from pileus.languages.log_pattern import compile_selector
from pileus.languages.log_pattern_values import InvalidLogPattern
from pileus.services.logs import errors, store
from pileus.services.logs.limits import LIMITS
from pileus.services.logs.model import Event, Group, MetricFilter
from pileus.services.logs.subscriptions import pattern
from pileus.values.times import utc

_PRINCIPAL = "service:logs.amazonaws.com"
_MINUTE_MS = 60_000
_VALUES_MAX = 150
_DATA_MAX = 500
_Point = tuple[int, tuple[tuple[str, str], ...]]
"""A minute and the values of the dimensions."""


def check(record: MetricFilter) -> None:
    """Raise InvalidParameterException unless the filter can be carried out."""
    pattern(record.pattern)
    if record.namespace.startswith("AWS/"):
        raise errors.invalid("Metric namespaces that begin with AWS/ are reserved for AWS.")
    if record.dimensions and record.default is not None:
        raise errors.invalid(
            "Invalid metric transformation: dimensions and default value are mutually exclusive "
            "properties."
        )
    if len(record.dimensions) > LIMITS.metric_dimensions_max:
        raise errors.invalid("Invalid metric transformation: there are more than 3 dimensions.")
    if not record.value.startswith("$") and _number(record.value) is None:
        raise errors.invalid(
            f"Invalid metric transformation: '{record.value}' is neither a number nor a field of "
            "the events."
        )
    for text in (record.value, *record.dimensions.values()):
        _selector(text)


def deliver(call: WriteCall, group: Group, events: Sequence[Event]) -> None:
    """Emit what the group's metric filters make of the events, counted per minute."""
    for record in store.metric_filters(call.state, group.name):
        data = list(_data(record, events))
        for at in range(0, len(data), _DATA_MAX):
            given = {"Namespace": record.namespace, "MetricData": data[at : at + _DATA_MAX]}
            call.emit(
                Delivery(
                    service="cloudwatch",
                    operation="PutMetricData",
                    input=given,
                    principal=_PRINCIPAL,
                )
            )


def _data(record: MetricFilter, events: Sequence[Event]) -> Iterator[dict[str, Any]]:
    for (minute, dimensions), values in _points(record, events).items():
        counted = list(values.items())
        for at in range(0, len(counted), _VALUES_MAX):
            some = counted[at : at + _VALUES_MAX]
            yield {
                "MetricName": record.metric,
                "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions],
                "Timestamp": utc(minute * _MINUTE_MS),
                "Values": [value for value, _ in some],
                "Counts": [float(count) for _, count in some],
                "Unit": record.unit,
            }


def _points(record: MetricFilter, events: Sequence[Event]) -> Mapping[_Point, Counter[float]]:
    """The values of each minute; a minute without any has the default, where there is one."""
    compiled = pattern(record.pattern)
    points: dict[_Point, Counter[float]] = {}
    for event in events:
        minute = event.at_ms // _MINUTE_MS
        if record.default is not None:
            points.setdefault((minute, ()), Counter())
        if not compiled.matches(event.message):
            continue
        fields = compiled.extract(event.message)
        value = _number(_value(record.value, fields, event.message))
        named = tuple(
            (name, found)
            for name, text in sorted(record.dimensions.items())
            if (found := _value(text, fields, event.message))
        )
        # An event that lacks a dimension, or whose value is no number, makes no point.
        if value is not None and len(named) == len(record.dimensions):
            points.setdefault((minute, named), Counter())[value] += 1
    for values in points.values():
        if not values and record.default is not None:
            values[record.default] = 1
    return points


def _value(text: str, fields: Mapping[str, str], message: str) -> str:
    """What a metric's value or dimension says of an event: itself, or the field it names."""
    if not text.startswith("$"):
        return text
    found = fields.get(text)
    return found if found is not None else _selector(text)(message) or ""


def _selector(text: str) -> Callable[[str], str | None]:
    if not text.startswith(("$.", "$[")):
        return lambda message: None
    try:
        return compile_selector(text)
    except InvalidLogPattern as error:
        raise errors.invalid(f"Invalid metric transformation: {error}") from None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
