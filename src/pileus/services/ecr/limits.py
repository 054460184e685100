"""Quotas as data. https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, counts otherwise.

    Attributes:
        part_bytes: what InitiateLayerUpload asks for; half of AWS's 20 MiB, because a part comes as
            base64 in one JSON request, and those are bounded at this port.
    """

    repositories: int = 100_000
    images_per_repository: int = 100_000
    tags_per_image: int = 1_000
    tags_max: int = 50
    page: int = 100
    part_bytes: int = 10 * 1024 * 1024
    lifecycle_rules: int = 50
    policy_bytes: int = 10_240
    lifecycle_policy_bytes: int = 30_720
    token_s: int = 12 * 3600


LIMITS = Limits()
