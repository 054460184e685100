"""Quotas as data. https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    name_length_max: int = 80
    definition_bytes_max: int = 1_048_576
    payload_bytes_max: int = 262_144
    machines_max: int = 100_000
    activities_max: int = 100_000
    tags_max: int = 50
    page_default: int = 100
    page_max: int = 1000
    diagnostics_max: int = 100
    execution_kept_s: int = 90 * 24 * 3600
    poll_s: int = 60
    sync_express_s: int = 300
    chunk_bytes: int = 16 * 1024
    programs_kept: int = 256


LIMITS = Limits()
