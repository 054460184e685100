"""Quotas as data. https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html"""

from __future__ import annotations

from dataclasses import dataclass

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


@dataclass(frozen=True, slots=True)
class Limits:
    """Times as their names say, counts otherwise.

    Attributes:
        retention_ms: how long points of a resolution (seconds) are kept before the next takes
            them over; the last goes for good.
    """

    data_max: int = 1000
    values_max: int = 150
    dimensions_max: int = 30
    metrics_max: int = 100_000
    past_ms: int = 14 * _DAY_MS
    future_ms: int = 2 * _HOUR_MS
    listed_ms: int = 14 * _DAY_MS
    recent_ms: int = 3 * _HOUR_MS
    list_page: int = 500
    statistics_points_max: int = 1440
    queries_max: int = 500
    points_max: int = 100_800
    alarms_page: int = 50
    history_page: int = 100
    history_keep_ms: int = 30 * _DAY_MS
    actions_max: int = 5
    alarm_metrics_max: int = 10
    alarm_span_s: int = 7 * 24 * 3600
    tags_max: int = 50
    retention_ms: tuple[tuple[int, int], ...] = (
        (1, 3 * _HOUR_MS),
        (60, 15 * _DAY_MS),
        (300, 63 * _DAY_MS),
        (3600, 455 * _DAY_MS),
    )


LIMITS = Limits()
