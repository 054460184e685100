"""Bounds as data; ours, as no public cloud has this service."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts of one account and region; sizes in bytes."""

    sources_max: int = 256
    engines_max: int = 256
    pipelines_max: int = 256
    code_bytes_max: int = 50 * 1024 * 1024
    page: int = 50
    results_page: int = 100
    results_bytes_max: int = 4 * 1024 * 1024
    results_looked_max: int = 20_000
    spooled_max: int = 300
    record_bytes_max: int = 1024 * 1024
    document_bytes_max: int = 64 * 1024 * 1024


LIMITS = Limits()
"""What holds for every account."""
