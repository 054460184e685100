"""Quotas as data. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    put_entries_max: int = 10
    entries_bytes_max: int = 262_144
    targets_per_rule_max: int = 5
    rules_per_bus_max: int = 300
    buses_max: int = 100
    retry_attempts_max: int = 185
    retry_age_s_max: int = 86_400
    retry_age_s_min: int = 60
    list_max: int = 100
    partition_key_length_max: int = 256


LIMITS = Limits()
