"""Quotas as data. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    page_bytes_max: int = 1_048_576
    batch_get_max: int = 100
    batch_get_bytes_max: int = 16_777_216
    batch_write_max: int = 25
    transaction_max: int = 100
    transaction_bytes_max: int = 4_194_304
    token_s: int = 600
    global_indexes_max: int = 20
    local_indexes_max: int = 5
    list_max: int = 100
    name_length_min: int = 3
    name_length_max: int = 255
    recovery_days: int = 35
    read_unit_bytes: int = 4096
    write_unit_bytes: int = 1024
    expiry_every_s: int = 60
    stream_hours: int = 24
    stream_records_max: int = 1000
    stream_bytes_max: int = 1_048_576
    stream_list_max: int = 100
    stream_wait_s_max: int = 20
    iterator_ms: int = 900_000


LIMITS = Limits()
