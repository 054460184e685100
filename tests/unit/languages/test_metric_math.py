"""Metric math, function by function."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.languages.metric_math import Surroundings, TimeSeries, compute
from pileus.languages.metric_math_reader import InvalidExpression, read_expression

MINUTE_MS = 60_000


def series(*values: float | None) -> TimeSeries:
    pairs = ((number * MINUTE_MS, value) for number, value in enumerate(values))
    return TimeSeries({at: value for at, value in pairs if value is not None}, 60)


GIVEN = {"a": series(1.0, 2.0, None, 4.0), "b": series(10.0, None, 30.0, 40.0), "c": series()}


def told(text: str) -> Any:
    around = Surroundings(GIVEN, ["a", "b"], 0, 4 * MINUTE_MS)
    return plain(compute(read_expression(text), around))


def plain(value: Any) -> Any:
    if isinstance(value, TimeSeries):
        return [value.points.get(number * MINUTE_MS) for number in range(4)]
    return [plain(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("1 + 2 * 3 ^ 2", 19),
        ("(1 + 2) * -3", -9),
        ("10 - 4 - 3", 3),
        ("1 < 2 && 2 < 1 || 3 >= 3", 1),
        ("1 < 2 AND 2 < 1", 0),
        ("a + b", [11, None, None, 44]),
        ("a * 2", [2, 4, None, 8]),
        ("1 / (a - 2)", [-1, None, None, 0.5]),
        ("a > 1", [0, 1, None, 1]),
        ("[a, b] + 1", [[2, 3, None, 5], [11, None, 31, 41]]),
        ("SUM([a, b])", [11, 2, 30, 44]),
        ("AVG(METRICS())", [5.5, 2, 30, 22]),
        ("MAX(METRICS('b'))", [10, None, 30, 40]),
        ("MIN(a)", 1),
        ("a / SUM(a)", [1 / 7, 2 / 7, None, 4 / 7]),
        ("FILL(a, 0)", [1, 2, 0, 4]),
        ("FILL(a, b)", [1, 2, 30, 4]),
        ("FILL(b, REPEAT)", [10, 10, 30, 40]),
        ("FILL(a, LINEAR)", [1, 2, 3, 4]),
        ("FILL(c, 7)", [7, 7, 7, 7]),
        ("IF(a > 1, b, 0)", [0, None, None, 40]),
        ("IF(a > 1, a)", [None, 2, None, 4]),
        ("IF(1, a, b)", [1, 2, None, 4]),
        ("DIFF(a)", [None, 1, None, 2]),
        ("DIFF_TIME(a)", [None, 60, None, 120]),
        ("RATE(b) * 60", [None, None, 10, 10]),
        ("RUNNING_SUM(a)", [1, 3, None, 7]),
        ("ABS(-5) + CEIL(1.2) + FLOOR(1.8)", 8),
        ("LOG10(b / b * 100)", [2, None, 2, 2]),
        ("STDDEV([a, a])", [0, 0, None, 0]),
        ("LAST(a) - FIRST(a)", 3),
        ("SLICE(SORT([a, b], MAX, DESC), 0, 1)", [[10, None, 30, 40]]),
        ("SORT([b, a], AVG, ASC, 1)", [[1, 2, None, 4]]),
        ("METRIC_COUNT(METRICS())", 2),
        ("DATAPOINT_COUNT(a)", 3),
        ("PERIOD(a)", 60),
        ("REMOVE_EMPTY([a, c])", [[1, 2, None, 4]]),
        ("MINUTE(a)", [0, 1, None, 3]),
        ("TIME_SERIES(5)", [5, 5, 5, 5]),
    ],
)
def test_expressions(text: str, result: Any) -> None:
    assert told(text) == result


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a +", "unexpected"),
        ("a b", "expected the end|expected 'the end'"),
        ("(a", "expected"),
        ("nothing", "not the id of a query"),
        ("NOPE(a)", "is not a function"),
        ("SEARCH('x')", "Pileus does not implement the function SEARCH"),
        ("FILL(a)", "wrong number of arguments"),
        ("1 / 0", "not a number"),
        ("'a' + 1", "no operand"),
        ("[a] + [a, b]", "different lengths"),
        ("a $ b", "unexpected character"),
        ("(" * 100 + "1" + ")" * 100, "too deeply"),
    ],
)
def test_what_cannot_be_read(text: str, reason: str) -> None:
    with pytest.raises(InvalidExpression, match=reason):
        told(text)
