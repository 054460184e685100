"""Where metrics, alarms and dashboards lie.

``metric, namespace, name, series``          Metric; ``series`` is a digest of all that names it
``point, series, resolution, at_ms, unit``   Distribution; each number lies in exactly one of them
``alarm, name``                              Alarm
``history, alarm, sequence``                 HistoryItem
``dashboard, name``                          Dashboard
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.distribution import Distribution
from pileus.kernel.records import RecordCodec
from pileus.services.cloudwatch import errors
from pileus.services.cloudwatch.limits import LIMITS
from pileus.services.cloudwatch.model import Alarm, Dashboard, Dimensions, HistoryItem, Metric
from pileus.values.page_tokens import parse_page_token, parse_position

METRICS = RecordCodec(Metric)
POINTS = RecordCodec(Distribution)
ALARMS = RecordCodec(Alarm)
HISTORY = RecordCodec(HistoryItem)
DASHBOARDS = RecordCodec(Dashboard)
_MINUTE_MS = 60_000


def series_of(namespace: str, name: str, dimensions: Dimensions) -> str:
    """A short name for a metric with its dimensions."""
    text = repr((namespace, name, dimensions))
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def note_metric(
    call: WriteCall, namespace: str, name: str, dimensions: Dimensions, at_ms: int
) -> str:
    """Make a metric known, or younger; its series. Raises LimitExceeded."""
    series = series_of(namespace, name, dimensions)
    key = ("metric", namespace, name, series)
    raw = call.state.get(key)
    if raw is None:
        if call.state.count(("metric",)) >= LIMITS.metrics_max:
            raise errors.metric_limit(LIMITS.metrics_max)
        known = Metric(namespace=namespace, name=name, dimensions=list(dimensions))
    else:
        known = METRICS.decode(raw)
    at_ms = at_ms // _MINUTE_MS * _MINUTE_MS
    if raw is None or at_ms > known.last_ms:
        known.last_ms = at_ms
        call.state.put(key, METRICS.encode(known))
    return series


def metrics(state: Any, *within: str) -> Iterator[Metric]:
    """Metrics of a namespace and name, or of all."""
    for _, raw in state.range(("metric", *within)):
        yield METRICS.decode(raw)


def add_points(
    call: WriteCall, series: str, resolution_s: int, at_ms: int, unit: str, numbers: Distribution
) -> None:
    """Put numbers to those of the same step of time."""
    step_ms = resolution_s * 1000
    key = ("point", series, resolution_s, at_ms // step_ms * step_ms, unit)
    raw = call.state.get(key)
    if raw is not None:
        known = POINTS.decode(raw)
        known.merge(numbers)
        numbers = known
    call.state.put(key, POINTS.encode(numbers))


def find_alarm(state: Any, name: str) -> Alarm | None:
    """The alarm, or None."""
    raw = state.get(("alarm", name))
    return None if raw is None else ALARMS.decode(raw)


def alarm(state: Any, name: str) -> Alarm:
    """The alarm; raises ResourceNotFound."""
    found = find_alarm(state, name)
    if found is None:
        raise errors.alarm_not_found(name)
    return found


def alarms(state: Any) -> list[Alarm]:
    """Every alarm, by name."""
    return [ALARMS.decode(raw) for _, raw in state.range(("alarm",))]


def put_alarm(state: Any, record: Alarm) -> None:
    state.put(("alarm", record.name), ALARMS.encode(record))


def find_dashboard(state: Any, name: str) -> Dashboard | None:
    """The dashboard, or None."""
    raw = state.get(("dashboard", name))
    return None if raw is None else DASHBOARDS.decode(raw)


def after_token(token: str | None) -> str:
    """What a token stands for, or an empty string; raises InvalidNextToken."""
    try:
        return parse_page_token(token)
    except ValueError:
        raise errors.invalid_next_token() from None


def position(token: str | None) -> int:
    """The number a token stands for; raises InvalidNextToken."""
    try:
        return parse_position(token)
    except ValueError:
        raise errors.invalid_next_token() from None
