"""Quotas as data. https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times as their names say, counts otherwise."""

    value_bytes_max: int = 65_536
    secrets_max: int = 500_000
    versions_kept: int = 100
    deprecated_keep_ms: int = 24 * 3600 * 1000
    labels_per_version_max: int = 20
    tags_max: int = 50
    policy_bytes_max: int = 20_480
    recovery_days_min: int = 7
    recovery_days_max: int = 30
    page: int = 100
    batch_page: int = 20
    batch_ids_max: int = 20
    password_length: int = 32
    rotation_attempts_max: int = 5
    rotation_pause_ms: int = 60_000


LIMITS = Limits()
