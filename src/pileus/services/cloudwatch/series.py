"""Points of a metric brought to the period that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pileus.kernel.distribution import Distribution
from pileus.services.cloudwatch import errors, store
from pileus.services.cloudwatch.limits import LIMITS

_MINUTE_S = 60
_FINE = (1, 5, 10, 20, 30)


def check_period(period_s: int, parameter: str = "Period") -> None:
    """Raise InvalidParameterValue for a period that is none."""
    if period_s not in _FINE and period_s % _MINUTE_S:
        raise errors.invalid_value(
            f"The parameter {parameter} must be 1, 5, 10, 20, 30 or a multiple of 60."
        )


def stored(
    state: Any, series: str, start_ms: int, end_ms: int
) -> Iterator[tuple[int, str, Distribution]]:
    """Moment, unit and numbers of everything in ``[start_ms, end_ms)``, of every resolution."""
    for resolution_s, _ in LIMITS.retention_ms:
        within = ("point", series, resolution_s)
        rows = state.range(within, start=(*within, start_ms), stop=(*within, end_ms))
        for key, raw in rows:
            yield int(key[3]), str(key[4]), store.POINTS.decode(raw)


def by_period(
    state: Any, series: str, span: tuple[int, int], period_s: int, unit: str | None = None
) -> dict[tuple[int, str], Distribution]:
    """Numbers by the beginning of their period and unit; periods count from ``span``'s start."""
    start_ms, end_ms = span
    step_ms = period_s * 1000
    found: dict[tuple[int, str], Distribution] = {}
    for at_ms, its_unit, numbers in stored(state, series, start_ms, end_ms):
        if unit is not None and its_unit != unit:
            continue
        key = (start_ms + (at_ms - start_ms) // step_ms * step_ms, its_unit)
        if (known := found.get(key)) is None:
            found[key] = numbers
        else:
            known.merge(numbers)
    return found


def of_any_unit(found: dict[tuple[int, str], Distribution]) -> dict[int, Distribution]:
    """The same with the units put together."""
    together: dict[int, Distribution] = {}
    for (at_ms, _), numbers in found.items():
        if (known := together.get(at_ms)) is None:
            together[at_ms] = numbers
        else:
            known.merge(numbers)
    return together
