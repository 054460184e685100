"""Quotas as data. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """Sizes in bytes, times in seconds."""

    payload_bytes_max: int = 6_291_456
    async_payload_bytes_max: int = 1_048_576
    zip_bytes_max: int = 52_428_800
    request_bytes_max: int = 70_167_211
    name_characters_max: int = 64
    memory_mb_max: int = 10_240
    tmp_mb_max: int = 10_240
    timeout_s_max: int = 900
    environment_bytes_max: int = 4096
    layers_max: int = 5
    log_tail_bytes: int = 4096
    stream_bytes_max: int = 209_715_200
    retries_default: int = 2
    age_s_default: int = 21_600
    throttle_pause_first_s: int = 1
    throttle_pause_last_s: int = 300
    retry_pauses_s: tuple[int, ...] = (60, 120)
    unreserved_min: int = 100
    list_max: int = 50
    tags_max: int = 50


LIMITS = Limits()
