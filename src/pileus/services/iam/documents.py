"""Policy documents: checked as IAM checks them when they are stored."""

from __future__ import annotations

import re
from typing import Any

import orjson

from pileus.kernel.calls import ReadCall
from pileus.languages.iam_policy import parse_policy
from pileus.services.iam import errors, store
from pileus.services.iam.limits import LIMITS

_SPACE = re.compile(r"\s+")


def size(document: str) -> int:
    """Characters that count against a quota: white space does not."""
    return len(_SPACE.sub("", document))


def check_managed_size(document: str) -> None:
    """Raise LimitExceeded for a managed policy that is too large."""
    if size(document) > LIMITS.policy_size_max:
        raise errors.quota("PolicySize", LIMITS.policy_size_max)


def check_identity_policy(document: str) -> None:
    """Raise MalformedPolicyDocument for what cannot be a role's, user's or group's policy."""
    parse_policy(document, "identity")


def check_trust_policy(call: ReadCall, document: str) -> None:
    """Raise MalformedPolicyDocument for what cannot say who may assume a role.

    Principals of the own account must exist, as on AWS; those of other accounts are not looked up.
    """
    try:
        orjson.loads(document)
    except orjson.JSONDecodeError:
        raise errors.malformed("This policy contains invalid Json") from None
    parse_policy(document, "trust")
    if size(document) > LIMITS.trust_size_max:
        raise errors.quota("ACLSizePerRole", LIMITS.trust_size_max)
    for name in _aws_principals(orjson.loads(document)):
        parts = name.split(":", 5)
        if len(parts) != 6 or parts[2] != "iam" or parts[4] != call.account:
            continue
        kind, _, path = parts[5].partition("/")
        if kind in ("role", "user"):
            key = (kind, store.fold(path.rpartition("/")[2]))
            if call.state.get(key) is None:
                raise errors.malformed(f'Invalid principal in policy: "AWS":"{name}"')


def _aws_principals(policy: dict[str, Any]) -> list[str]:
    statements = policy["Statement"]
    found: list[str] = []
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal")
        names = principal.get("AWS", []) if isinstance(principal, dict) else []
        found += [names] if isinstance(names, str) else names
    return found
