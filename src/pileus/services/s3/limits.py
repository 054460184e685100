"""Quotas as data. https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/BucketRestrictions.html
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes.

    Attributes:
        inline_bytes_max: bodies up to this size lie in State, larger ones in Blobs.
    """

    buckets_max: int = 10_000
    object_bytes_max: int = 5 * 1024**3
    assembled_bytes_max: int = 5 * 1024**4
    part_bytes_min: int = 5 * 1024**2
    part_bytes_max: int = 5 * 1024**3
    parts_max: int = 10_000
    list_results_max: int = 1000
    delete_objects_max: int = 1000
    key_bytes_max: int = 1024
    metadata_bytes_max: int = 2048
    object_tags_max: int = 10
    bucket_tags_max: int = 50
    tag_key_max: int = 128
    tag_value_max: int = 256
    policy_bytes_max: int = 20 * 1024
    inline_bytes_max: int = 16 * 1024
    lifecycle_rules_max: int = 1000
    cors_rules_max: int = 100
    named_configurations_max: int = 1000


LIMITS = Limits()
