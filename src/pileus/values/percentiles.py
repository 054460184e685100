"""Percentiles of a few measured values."""

from __future__ import annotations

import math
from collections.abc import Iterable


def percentile(values: Iterable[float], share: float) -> float | None:
    """The nearest-rank percentile: the least value that ``share`` of all do not exceed.

    Args:
        share: 0 to 1; 0.5 is the median, of two values the lower.

    Returns:
        None where there are no values.
    """
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
