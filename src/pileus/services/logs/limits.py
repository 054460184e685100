"""Quotas as data. https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html"""

from __future__ import annotations

from dataclasses import dataclass

_HOUR_MS = 3_600_000
DAY_MS = 24 * _HOUR_MS


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in milliseconds, counts otherwise."""

    batch_bytes_max: int = 1_048_576
    event_bytes_max: int = 1_048_576
    event_overhead_bytes: int = 26
    batch_span_ms_max: int = DAY_MS
    age_ms_max: int = 14 * DAY_MS
    future_ms_max: int = 2 * _HOUR_MS
    page_bytes_max: int = 1_048_576
    page_events_max: int = 10_000
    scanned_events_max: int = 10_000
    describe_page: int = 50
    subscriptions_max: int = 2
    metric_filters_max: int = 100
    metric_dimensions_max: int = 3
    resource_policies_max: int = 10
    tags_max: int = 50
    groups_max: int = 1_000_000


LIMITS = Limits()

RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827),
    *(2192, 2557, 2922, 3288, 3653),
)
