"""Quotas as data. https://docs.aws.amazon.com/general/latest/gr/ssm.html#limits_ssm"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in characters, counts otherwise."""

    value_length_standard: int = 4096
    value_length_advanced: int = 8192
    parameters_standard: int = 10_000
    parameters_advanced: int = 100_000
    versions_max: int = 100
    labels_max: int = 10
    levels_max: int = 15
    name_length_max: int = 1011
    tags_max: int = 50
    policies_max: int = 10
    by_path_page: int = 10
    describe_page: int = 10
    history_page: int = 50


LIMITS = Limits()
