"""Quotas as data. https://docs.aws.amazon.com/general/latest/gr/sns.html"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    message_bytes_max: int = 262_144
    sms_bytes_max: int = 1600
    subject_length_max: int = 100
    batch_entries_max: int = 10
    attribute_name_length_max: int = 256
    tags_max: int = 50
    deduplication_s: int = 300
    page: int = 100
    delivery_age_s: int = 23 * 86_400


LIMITS = Limits()
