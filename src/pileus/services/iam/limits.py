"""Quotas as data. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in characters without white space, times in seconds, counts otherwise."""

    identities_max: dict[str, int] = field(
        default_factory=lambda: {"role": 1000, "user": 5000, "group": 300}
    )
    inline_size_max: dict[str, int] = field(
        default_factory=lambda: {"role": 10_240, "user": 2048, "group": 5120}
    )
    attached_max: int = 10
    policies_max: int = 1500
    policy_size_max: int = 6144
    policy_versions_max: int = 5
    trust_size_max: int = 2048
    access_keys_max: int = 2
    groups_per_user_max: int = 10
    instance_profiles_max: int = 1000
    aliases_max: int = 1
    tags_max: int = 50
    page: int = 100
    session_s_default: int = 3600


LIMITS = Limits()
