"""Quotas as data. https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in the unit that the name ends with."""

    shards_max: int = 20_000
    on_demand_streams_max: int = 50
    on_demand_shards: int = 4
    record_kib_default: int = 1024
    request_bytes_max: int = 10 * 1024 * 1024
    shard_write_bytes_per_s: int = 1024 * 1024
    shard_write_records_per_s: int = 1000
    shard_read_bytes_per_s: int = 2 * 1024 * 1024
    shard_read_calls_per_s: int = 5
    read_bytes_max: int = 10 * 1024 * 1024
    read_records_max: int = 10_000
    iterator_ms: int = 300_000
    token_ms: int = 300_000
    retention_hours_min: int = 24
    retention_hours_max: int = 8760
    describe_shards: int = 100
    list_shards: int = 1000
    list_streams: int = 100
    tags_max: int = 50
    consumers_max: int = 20
    rescales_max: int = 10
    rescales_ms: int = 24 * 3600 * 1000
    subscription_ms: int = 300_000
    subscription_again_ms: int = 5_000
    subscription_beat_ms: int = 5_000
    sweep_s: int = 600
    wait_s_max: int = 20


LIMITS = Limits()
