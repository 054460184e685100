"""Computes CloudWatch metric math over time series. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
A comparison gives 1 or 0. An operator joins two series where both have a point.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from pileus.languages.metric_math_reader import (
    Function,
    InvalidExpression,
    Items,
    Name,
    Node,
    Number,
    Operator,
    Text,
)
from pileus.values.times import utc


@dataclass(frozen=True, slots=True)
class TimeSeries:
    """Points by epoch milliseconds, ``period_s`` apart where there are any."""

    points: Mapping[int, float]
    period_s: int
    label: str = ""

    def with_points(self, points: Mapping[int, float]) -> TimeSeries:
        """Other points of the same kind."""
        return TimeSeries(points, self.period_s, self.label)


Value = float | TimeSeries | list["Value"] | str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an expression may look at.

    Attributes:
        values: the results of the queries it names, by id.
        metrics: ids that METRICS() means: those that are not expressions.
        start_ms, end_ms: what is asked for; the end is excluded.
    """

    values: Mapping[str, Value]
    metrics: Sequence[str]
    start_ms: int
    end_ms: int
    labels: Mapping[str, str] = field(default_factory=dict)


def compute(node: Node, around: Surroundings) -> Value:
    """The value of an expression; raises InvalidExpression."""
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Text):
        return node.value
    if isinstance(node, Items):
        return [compute(part, around) for part in node.parts]
    if isinstance(node, Name):
        if node.value in around.values:
            return around.values[node.value]
        if node.value.upper() in _WORDS:
            return node.value.upper()
        raise InvalidExpression(f"{node.value} is not the id of a query")
    if isinstance(node, Operator):
        operate = _OPERATORS[node.sign]
        return _joined(operate, compute(node.left, around), compute(node.right, around))
    return _called(node, around)


_WORDS = ("REPEAT", "LINEAR", "ASC", "DESC", "AVG", "MAX", "MIN", "SUM", "STDDEV")


def _guarded(operate: Callable[[float, float], float]) -> Callable[[float, float], float | None]:
    def safe(left: float, right: float) -> float | None:
        try:
            found = operate(left, right)
        except (ZeroDivisionError, OverflowError, ValueError):
            return None
        return found if isinstance(found, float) and math.isfinite(found) else None

    return safe


_OPERATORS: dict[str, Callable[[float, float], float | None]] = {
    "+": _guarded(lambda a, b: a + b),
    "-": _guarded(lambda a, b: a - b),
    "*": _guarded(lambda a, b: a * b),
    "/": _guarded(lambda a, b: a / b),
    "^": _guarded(lambda a, b: float(a**b)),
    "==": lambda a, b: float(a == b),
    "!=": lambda a, b: float(a != b),
    "<": lambda a, b: float(a < b),
    "<=": lambda a, b: float(a <= b),
    ">": lambda a, b: float(a > b),
    ">=": lambda a, b: float(a >= b),
    "&&": lambda a, b: float(a != 0 and b != 0),
    "||": lambda a, b: float(a != 0 or b != 0),
}


def _joined(operate: Callable[[float, float], float | None], left: Value, right: Value) -> Value:
    if isinstance(left, str) or isinstance(right, str):
        raise InvalidExpression("a string is no operand")
    if isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            raise InvalidExpression("arrays of different lengths cannot be joined")
        return [_joined(operate, a, b) for a, b in zip(left, right, strict=True)]
    if isinstance(left, list):
        return [_joined(operate, each, right) for each in left]
    if isinstance(right, list):
        return [_joined(operate, left, each) for each in right]
    if isinstance(left, TimeSeries) and isinstance(right, TimeSeries):
        shared = [at for at in left.points if at in right.points]
        pairs = ((at, operate(left.points[at], right.points[at])) for at in shared)
        return left.with_points({at: value for at, value in pairs if value is not None})
    if isinstance(left, TimeSeries):
        assert isinstance(right, float)
        return _mapped(left, lambda value: operate(value, right))
    if isinstance(right, TimeSeries):
        return _mapped(right, lambda value: operate(left, value))
    found = operate(left, right)
    if found is None:
        raise InvalidExpression("the result is not a number")
    return found


def _mapped(series: TimeSeries, change: Callable[[float], float | None]) -> TimeSeries:
    pairs = ((at, change(value)) for at, value in series.points.items())
    return series.with_points({at: value for at, value in pairs if value is not None})


def _each(value: Value, change: Callable[[TimeSeries], Value]) -> Value:
    """Apply to a series, or to every series of an array."""
    if isinstance(value, list):
        return [_each(part, change) for part in value]
    if not isinstance(value, TimeSeries):
        raise InvalidExpression("a time series is wanted here")
    return change(value)


def _flat(value: Value) -> list[TimeSeries]:
    if isinstance(value, TimeSeries):
        return [value]
    if isinstance(value, list):
        return [series for part in value for series in _flat(part)]
    raise InvalidExpression("time series are wanted here")


# ---------------------------------------------------------------- functions


def _called(node: Function, around: Surroundings) -> Value:
    if node.name in _UNSUPPORTED:
        raise InvalidExpression(f"Pileus does not implement the function {node.name} yet")
    if node.name == "METRICS":
        return _metrics(node, around)
    arguments = [compute(part, around) for part in node.arguments]
    if node.name in _REDUCED:
        return _reduced(node.name, arguments)
    if node.name in _POINTWISE:
        return _pointwise(node.name, arguments)
    if node.name in _ALONG:
        _check_count(node.name, arguments, 1)
        along = _ALONG[node.name]
        return _each(arguments[0], lambda series: series.with_points(along(series)))
    if node.name in _SPECIAL:
        least, most, run = _SPECIAL[node.name]
        _check_count(node.name, arguments, least, most)
        return run(arguments, around)
    raise InvalidExpression(f"{node.name} is not a function")


def _check_count(
    name: str, arguments: Sequence[Value], least: int, most: int | None = None
) -> None:
    if not least <= len(arguments) <= (most or least):
        raise InvalidExpression(f"wrong number of arguments for {name}")


def _metrics(node: Function, around: Surroundings) -> Value:
    chosen = list(around.metrics)
    if node.arguments:
        pattern = node.arguments[0]
        if not isinstance(pattern, Text):
            raise InvalidExpression("METRICS takes a string")
        chosen = [name for name in chosen if pattern.value in name]
    return [around.values[name] for name in chosen]


_REDUCED: dict[str, Callable[[list[float]], float]] = {
    "AVG": statistics.fmean,
    "MAX": max,
    "MIN": min,
    "SUM": math.fsum,
    "STDDEV": statistics.pstdev,
}


def _reduced(name: str, arguments: list[Value]) -> Value:
    """One series becomes a number, several become one series."""
    reduce = _REDUCED[name]
    _check_count(name, arguments, 1)
    given = arguments[0]
    if isinstance(given, float):
        return given
    if isinstance(given, TimeSeries):
        # A scalar of nothing: AWS shows no data, and so does a series that is empty.
        return reduce(list(given.points.values())) if given.points else given
    every = _flat(given)
    moments = sorted({at for series in every for at in series.points})
    points = {
        at: reduce([series.points[at] for series in every if at in series.points]) for at in moments
    }
    return TimeSeries(points, min((series.period_s for series in every), default=60))


def _rounded_time(part: Callable[[datetime], int]) -> Callable[[TimeSeries], dict[int, float]]:
    return lambda series: {at: float(part(utc(at))) for at in series.points}


_POINTWISE: dict[str, Callable[[float], float]] = {
    "ABS": abs,
    "CEIL": lambda value: float(math.ceil(value)),
    "FLOOR": lambda value: float(math.floor(value)),
    "EXP": math.exp,
    "LOG": math.log,
    "LOG10": math.log10,
    "SQRT": math.sqrt,
}


def _pointwise(name: str, arguments: list[Value]) -> Value:
    _check_count(name, arguments, 1)
    change = _guarded(lambda value, _: float(_POINTWISE[name](value)))
    given = arguments[0]
    if isinstance(given, float):
        found = change(given, 0.0)
        if found is None:
            raise InvalidExpression(f"{name} of {given} is not a number")
        return found
    return _each(given, lambda series: _mapped(series, lambda value: change(value, 0.0)))


def _steps(series: TimeSeries) -> list[tuple[int, int, float, float]]:
    """Neighbouring points: both moments, both values."""
    ordered = sorted(series.points.items())
    pairs = pairwise(ordered)
    return [(before, at, old, new) for (before, old), (at, new) in pairs]


def _running(series: TimeSeries) -> dict[int, float]:
    total, found = 0.0, {}
    for at, value in sorted(series.points.items()):
        total += value
        found[at] = total
    return found


_ALONG: dict[str, Callable[[TimeSeries], dict[int, float]]] = {
    "RATE": lambda s: {at: (b - a) / ((at - was) / 1000) for was, at, a, b in _steps(s)},
    "DIFF": lambda s: {at: b - a for _, at, a, b in _steps(s)},
    "DIFF_TIME": lambda s: {at: (at - was) / 1000 for was, at, _, _ in _steps(s)},
    "RUNNING_SUM": _running,
    "EPOCH": lambda s: {at: at / 1000 for at in s.points},
    "MINUTE": _rounded_time(lambda moment: moment.minute),
    "HOUR": _rounded_time(lambda moment: moment.hour),
    "DAY": _rounded_time(lambda moment: moment.isoweekday()),
    "DATE": _rounded_time(lambda moment: moment.day),
    "MONTH": _rounded_time(lambda moment: moment.month),
    "YEAR": _rounded_time(lambda moment: moment.year),
}


def _grid(series: TimeSeries, around: Surroundings) -> range:
    step_ms = series.period_s * 1000
    phase = next(iter(series.points), around.start_ms // step_ms * step_ms) % step_ms
    # The period that holds the start is the first.
    first = around.start_ms - (around.start_ms - phase) % step_ms
    return range(first, around.end_ms, step_ms)


def _fill(arguments: list[Value], around: Surroundings) -> Value:
    filler = arguments[1]
    if isinstance(filler, list) or (isinstance(filler, str) and filler not in _WORDS[:2]):
        raise InvalidExpression("FILL takes a number, a time series, REPEAT or LINEAR")

    def filled(series: TimeSeries) -> Value:
        if isinstance(filler, str):
            return series.with_points(_between(series, _grid(series, around), filler))
        points = dict(series.points)
        for at in _grid(series, around):
            value = filler.points.get(at) if isinstance(filler, TimeSeries) else filler
            if at not in points and value is not None:
                points[at] = value
        return series.with_points(points)

    return _each(arguments[0], filled)


def _between(series: TimeSeries, grid: range, how: str) -> dict[int, float]:
    points = dict(series.points)
    for before, after, old, new in _steps(series):
        for at in range(before + grid.step, after, grid.step):
            share = (at - before) / (after - before)
            points[at] = old if how == "REPEAT" else old + (new - old) * share
    if how == "REPEAT" and points:
        last = max(points)
        points.update({at: points[last] for at in grid if at > last})
    return points


def _if(arguments: list[Value], around: Surroundings) -> Value:
    """``IF(condition, then, else)``; without the third, points that do not hold are left out."""
    condition, then = arguments[0], arguments[1]
    other = arguments[2] if len(arguments) == 3 else None
    if isinstance(condition, float):
        chosen = then if condition else other
        if chosen is None:
            return TimeSeries({}, 60)
        return chosen
    if not isinstance(condition, TimeSeries):
        raise InvalidExpression("the condition of IF is a number or a time series")
    points = {}
    for at, holds in condition.points.items():
        value = _at(then if holds else other, at)
        if value is not None:
            points[at] = value
    return condition.with_points(points)


def _at(value: Value | None, at_ms: int) -> float | None:
    if isinstance(value, TimeSeries):
        return value.points.get(at_ms)
    if isinstance(value, (list, str)):
        raise InvalidExpression("IF takes numbers and time series")
    return value


def _first(value: Value, position: int) -> float | TimeSeries:
    if isinstance(value, list):
        every = _flat(value)
        if not every:
            raise InvalidExpression("an array without time series")
        return every[position]
    if isinstance(value, TimeSeries) and value.points:
        ordered = sorted(value.points)
        return value.points[ordered[position]]
    raise InvalidExpression("a time series with points is wanted here")


def _sort(arguments: list[Value], around: Surroundings) -> Value:
    every, name, order = _flat(arguments[0]), arguments[1], arguments[2]
    if not isinstance(name, str) or name not in _REDUCED or order not in ("ASC", "DESC"):
        raise InvalidExpression("SORT takes time series, a function and ASC or DESC")
    reduce = _REDUCED[name]
    keyed = [(reduce(list(s.points.values())) if s.points else 0.0, s) for s in every]
    keyed.sort(key=lambda pair: pair[0], reverse=order == "DESC")
    found: list[Value] = [series for _, series in keyed]
    limit = arguments[3] if len(arguments) == 4 else None
    return found[: int(limit)] if isinstance(limit, float) else found


def _slice(arguments: list[Value], around: Surroundings) -> Value:
    bounds = [int(each) for each in arguments[1:] if isinstance(each, float)]
    found: list[Value] = [*_flat(arguments[0])]
    return found[slice(*bounds)] if len(bounds) == 2 else found[bounds[0] :]


def _constant(arguments: list[Value], around: Surroundings) -> Value:
    if not isinstance(arguments[0], float):
        raise InvalidExpression("TIME_SERIES takes a number")
    series = TimeSeries({}, 60)
    return series.with_points(dict.fromkeys(_grid(series, around), arguments[0]))


def _remove_empty(arguments: list[Value], around: Surroundings) -> Value:
    found: list[Value] = [series for series in _flat(arguments[0]) if series.points]
    return found


def _period(arguments: list[Value], around: Surroundings) -> Value:
    return float(_flat(arguments[0])[0].period_s)


_Special = Callable[[list[Value], Surroundings], Value]
_SPECIAL: dict[str, tuple[int, int, _Special]] = {
    "FILL": (2, 2, _fill),
    "IF": (2, 3, _if),
    "FIRST": (1, 1, lambda given, _: _first(given[0], 0)),
    "LAST": (1, 1, lambda given, _: _first(given[0], -1)),
    "SORT": (3, 4, _sort),
    "SLICE": (2, 3, _slice),
    "PERIOD": (1, 1, _period),
    "TIME_SERIES": (1, 1, _constant),
    "REMOVE_EMPTY": (1, 1, _remove_empty),
    "METRIC_COUNT": (1, 1, lambda given, _: float(len(_flat(given[0])))),
    "DATAPOINT_COUNT": (1, 1, lambda given, _: float(len(_flat(given[0])[0].points))),
}
_UNSUPPORTED = frozenset(
    [
        "SEARCH",
        "ANOMALY_DETECTION_BAND",
        "INSIGHT_RULE_METRIC",
        "SERVICE_QUOTA",
        "DB_PERF_INSIGHTS",
        "LAMBDA",
    ]
)
