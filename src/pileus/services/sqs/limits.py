"""Quotas as data. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-quotas.html"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    message_bytes_max: int = 1_048_576
    message_bytes_min: int = 1024
    batch_entries_max: int = 10
    receive_max: int = 10
    wait_s_max: int = 20
    delay_s_max: int = 900
    visibility_s_max: int = 43_200
    retention_s_min: int = 60
    retention_s_max: int = 1_209_600
    deduplication_s: int = 300
    attributes_max: int = 10
    name_length_max: int = 80
    tags_max: int = 50
    purge_pause_s: int = 60
    list_results_max: int = 1000
    move_rate_max: int = 500
    permission_actions_max: int = 7
    tag_key_length_max: int = 128
    tag_value_length_max: int = 256
    attempt_s: int = 300
    allowed_sources_max: int = 10


LIMITS = Limits()
