"""Quotas as data.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """Sizes in bytes, times in seconds or milliseconds as named."""

    template_body_bytes_max: int = 51_200
    template_file_bytes_max: int = 1_000_000
    stacks_max: int = 2000
    stack_name_characters_max: int = 128
    stack_outputs_max: int = 200
    page: int = 100
    answer_bytes_max: int = 4096
    answer_s_max: int = 3600
    wait_s_max: int = 43_200
    steps_at_once: int = 50
    answer_wait_ms: int = 500
    deleted_kept_ms: int = 90 * 24 * 3600 * 1000
    chunk_bytes: int = 16_000


LIMITS = Limits()
