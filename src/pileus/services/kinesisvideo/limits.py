"""Quotas as data.

https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/limits.html
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts, hours and bytes."""

    retention_h_max: int = 87_600
    tags_max: int = 50
    page_max: int = 1000
    clip_fragments_max: int = 200
    clip_bytes_max: int = 100 * 1024 * 1024
    buffer_s: int = 300
    lives_max: int = 20


LIMITS = Limits()
"""What holds for every account."""
