"""Quotas as data. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds, sizes in characters."""

    role_session_s_default: int = 3600
    chained_session_s_max: int = 3600
    user_session_s_default: int = 43_200
    root_session_s_max: int = 3600
    session_policy_size_max: int = 2048
    session_policies_max: int = 10


LIMITS = Limits()
