"""Many numbers as one small record: count, sum, extremes, and the values themselves while few.

More than :data:`VALUES_MAX` different values are brought to a grid whose lines are one percent
apart, so that a record stays small and percentiles stay true to half a percent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

VALUES_MAX = 256
_GRID = math.log(1.01)


class Distribution(msgspec.Struct):
    """``is_whole`` is False once numbers came without their values (a statistic set)."""

    count: float = 0.0
    total: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    values: dict[float, float] = {}
    is_whole: bool = True
    is_coarse: bool = False

    def add(self, value: float, count: float = 1.0) -> None:
        """Take one number, ``count`` times."""
        self.count += count
        self.total += value * count
        if value < self.low:
            self.low = value
        if value > self.high:
            self.high = value
        if self.is_coarse:
            value = on_grid(value)
        self.values[value] = self.values.get(value, 0.0) + count
        if len(self.values) > VALUES_MAX and not self.is_coarse:
            self._coarsen()

    def merge(self, other: Distribution) -> None:
        """Take everything another one has."""
        self.count += other.count
        self.total += other.total
        self.low = min(self.low, other.low)
        self.high = max(self.high, other.high)
        self.is_whole = self.is_whole and other.is_whole
        if other.is_coarse and not self.is_coarse:
            self._coarsen()
        self._take(other.values)

    def _take(self, values: Mapping[float, float]) -> None:
        for value, count in values.items():
            key = on_grid(value) if self.is_coarse else value
            self.values[key] = self.values.get(key, 0.0) + count
        if len(self.values) > VALUES_MAX and not self.is_coarse:
            self._coarsen()

    def _coarsen(self) -> None:
        fine, self.values, self.is_coarse = self.values, {}, True
        self._take(fine)

    def copy(self) -> Distribution:
        """One of the same numbers that can be added to by itself."""
        alike = Distribution()
        alike.merge(self)
        return alike


def on_grid(value: float) -> float:
    """The line of the grid nearest to ``value``."""
    if value == 0 or not math.isfinite(value):
        return value
    return math.copysign(math.exp(round(math.log(abs(value)) / _GRID) * _GRID), value)
