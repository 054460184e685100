"""Statistics over the numbers of a period.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from pileus.kernel.distribution import Distribution
from pileus.services.cloudwatch import errors

Statistic = Callable[[Distribution], float | None]
"""The value, or None where the numbers do not tell it."""
_SIMPLE: dict[str, Statistic] = {
    "SampleCount": lambda numbers: numbers.count,
    "Average": lambda numbers: numbers.total / numbers.count if numbers.count else None,
    "Sum": lambda numbers: numbers.total,
    "Minimum": lambda numbers: numbers.low,
    "Maximum": lambda numbers: numbers.high,
}
_NAMED = re.compile(r"(p|tm|wm|tc|ts)(\d{1,2}(?:\.\d{1,10})?|100)", re.IGNORECASE)
_RANGE = re.compile(r"(TM|WM|TC|TS|PR)\(([^:()]*):([^:()]*)\)")
_BOUND = re.compile(r"-?\d+(?:\.\d+)?")
Bound = tuple[float, bool] | None
"""A number and whether it is a percentage; None for an open end."""
_Pairs = list[tuple[float, float]]


def percentile_of(name: str) -> float | None:
    """``p99.9`` → 99.9; None for another statistic."""
    found = _NAMED.fullmatch(name)
    return float(found[2]) if found and found[1].lower() == "p" else None


@lru_cache(maxsize=1024)
def statistic(name: str, parameter: str = "Stat") -> Statistic:
    """What computes a statistic; raises InvalidParameterValue naming one that is none."""
    if name in _SIMPLE:
        return _SIMPLE[name]
    if name.upper() == "IQM":
        return _trimmed("TM", (25.0, True), (75.0, True))
    if found := _NAMED.fullmatch(name):
        share = float(found[2])
        kind = found[1].upper()
        if kind == "P":
            return lambda numbers: _percentile(_pairs(numbers), share)
        return _trimmed(kind, None, (share, True))
    if found := _RANGE.fullmatch(name):
        low, high = _bound(found[2]), _bound(found[3])
        if (low or high) and not (low and high and low[1] != high[1]):
            return _trimmed(found[1], low, high)
    raise errors.invalid_parameter(name, parameter)


def _bound(text: str) -> Bound:
    if not text:
        return None
    if not _BOUND.fullmatch(text.removesuffix("%")):
        raise errors.invalid_parameter(text, "Stat")
    return float(text.removesuffix("%")), text.endswith("%")


def _pairs(numbers: Distribution) -> _Pairs:
    """Values and counts in order; nothing where a statistic set hides them."""
    if not numbers.is_whole:
        return []
    return sorted(numbers.values.items())


def _percentile(pairs: _Pairs, share: float) -> float | None:
    """The least value that is not below ``share`` percent of all."""
    wanted = sum(count for _, count in pairs) * share / 100
    seen = 0.0
    for value, count in pairs:
        seen += count
        if seen >= wanted - 1e-9:
            return value
    return None


def _trimmed(kind: str, low: Bound, high: Bound) -> Statistic:
    def compute(numbers: Distribution) -> float | None:
        pairs = _pairs(numbers)
        if not pairs:
            return None
        least, most = _edge(pairs, low, is_low=True), _edge(pairs, high, is_low=False)
        if kind == "WM":
            pairs = [(min(max(value, least), most), count) for value, count in pairs]
        kept = [(value, count) for value, count in pairs if least <= value <= most]
        count = sum(number for _, number in kept)
        total = sum(value * number for value, number in kept)
        if kind == "TC":
            return count
        if kind == "TS":
            return total
        if kind == "PR":
            return 100 * count / numbers.count
        return total / count if count else None

    return compute


def _edge(pairs: _Pairs, bound: Bound, *, is_low: bool) -> float:
    if bound is None:
        return pairs[0][0] if is_low else pairs[-1][0]
    number, is_share = bound
    if not is_share:
        return number
    found = _percentile(pairs, number)
    assert found is not None
    return found
