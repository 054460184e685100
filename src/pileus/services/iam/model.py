"""Identities, policies and keys as records, and what may be decided from them alone."""

from __future__ import annotations

import base64
from collections.abc import Callable

import msgspec

ID_PREFIXES = {"role": "AROA", "user": "AIDA", "group": "AGPA", "policy": "ANPA", "profile": "AIPA"}


class Identity(msgspec.Struct, kw_only=True):
    """A role, user or group. ``trust`` and below are a role's only."""

    kind: str
    name: str
    path: str
    id: str
    created_ms: int
    tags: dict[str, str] = {}
    boundary: str = ""
    trust: str = ""
    description: str = ""
    session_s_max: int = 3600
    service: str = ""

    def arn(self, account: str) -> str:
        """``arn:aws:iam::<account>:<kind><path><name>``."""
        return f"arn:aws:iam::{account}:{self.kind}{self.path}{self.name}"


class Policy(msgspec.Struct, kw_only=True):
    """A managed policy of the account."""

    name: str
    path: str
    id: str
    created_ms: int
    updated_ms: int
    default_version: int = 1
    last_version: int = 1
    description: str = ""
    tags: dict[str, str] = {}

    def arn(self, account: str) -> str:
        """``arn:aws:iam::<account>:policy<path><name>``."""
        return f"arn:aws:iam::{account}:policy{self.path}{self.name}"


class PolicyVersion(msgspec.Struct, kw_only=True):
    """One text of a managed policy."""

    number: int
    document: str
    created_ms: int


class Profile(msgspec.Struct, kw_only=True):
    """An instance profile: a role's envelope."""

    name: str
    path: str
    id: str
    created_ms: int
    role: str = ""
    tags: dict[str, str] = {}

    def arn(self, account: str) -> str:
        """``arn:aws:iam::<account>:instance-profile<path><name>``."""
        return f"arn:aws:iam::{account}:instance-profile{self.path}{self.name}"


def unique_id(kind: str, random_bytes: Callable[[int], bytes]) -> str:
    """``AROA`` and the like, then 17 characters of chance.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
    """
    return ID_PREFIXES[kind] + base64.b32encode(random_bytes(15)).decode()[:17]
