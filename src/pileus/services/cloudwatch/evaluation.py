"""Whether an alarm's points make it change its state. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html and
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from pileus.services.cloudwatch.model import ALARM, INSUFFICIENT, OK

RANGE_EXTRA = 2
"""Periods looked at beyond EvaluationPeriods: AWS's tables show five for an alarm of three."""
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}
MISSING, IGNORE, BREACHING, NOT_BREACHING = "missing", "ignore", "breaching", "notBreaching"
TREATMENTS = (MISSING, IGNORE, BREACHING, NOT_BREACHING)


class Outcome(msgspec.Struct, frozen=True):
    """What the points say.

    Attributes:
        state: None to stay as it is.
        deciding: moments and values that were looked at, the newest first.
        filled: how many missing points were treated as something.
    """

    state: str | None
    deciding: tuple[tuple[int, float], ...] = ()
    filled: int = 0


def outcome(definition: Mapping[str, Any], points: Sequence[tuple[int, float | None]]) -> Outcome:
    """Judge the evaluation range.

    Args:
        points: moment and value of each period of the range, the newest first; None is missing.
    """
    count = definition["EvaluationPeriods"]
    wanted = definition.get("DatapointsToAlarm") or count
    treatment = definition.get("TreatMissingData") or MISSING
    compare = COMPARISONS[definition["ComparisonOperator"]]
    threshold = definition["Threshold"]

    def breaches(value: float) -> bool:
        return compare(value, threshold)

    there = [(at, value) for at, value in points if value is not None][:count]
    breaching = sum(breaches(value) for _, value in there)
    filled = count - len(there)
    told = tuple(there)
    if filled == 0:
        return Outcome(ALARM if breaching >= wanted else OK, told)
    if treatment == BREACHING:
        return Outcome(ALARM if breaching + filled >= wanted else OK, told, filled)
    if treatment == NOT_BREACHING:
        return Outcome(ALARM if breaching >= wanted else OK, told, filled)
    if breaching >= wanted:
        return Outcome(ALARM, told, filled)
    if not there:
        return Outcome(INSUFFICIENT if treatment == MISSING else None, told, filled)
    if breaching < len(there):
        return Outcome(OK, told, filled)
    if treatment == IGNORE:
        return Outcome(None, told, filled)
    # Nothing but breaching points, too few of them: they count once the oldest is old enough.
    oldest = max(age for age, (_, value) in enumerate(points, 1) if value is not None)
    return Outcome(ALARM if oldest >= wanted else None, told, filled)
