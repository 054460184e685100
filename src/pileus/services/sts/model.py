"""What may be decided about sessions from names and documents alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from pileus.languages.iam_policy import Policy, parse_policy
from pileus.services.sts import errors
from pileus.services.sts.limits import LIMITS
from pileus.values.arns import Arn


def role_of(arn: str) -> tuple[str, str]:
    """Account and role name of a role's ARN; raises ValidationError for any other."""
    try:
        parsed = Arn.parse(arn)
    except ValueError:
        raise errors.invalid_arn() from None
    kind, _, path = parsed.resource.partition("/")
    is_account = len(parsed.account) == 12 and parsed.account.isdecimal()
    if parsed.service != "iam" or kind != "role" or not path or not is_account:
        raise errors.invalid_arn()
    return parsed.account, path.rpartition("/")[2]


@lru_cache(maxsize=256)
def trust_policy(document: str) -> Policy:
    """A role's trust policy, compiled."""
    return parse_policy(document, "trust")


def packed_percent(request: Mapping[str, Any]) -> int | None:
    """How much of their room session policies and tags take; None when there are none.

    Raises MalformedPolicyDocument, PackedPolicyTooLarge, InvalidParameterValue.
    """
    policy: str = request.get("Policy") or ""
    tags: Sequence[Mapping[str, str]] = request.get("Tags") or ()
    arns: Sequence[Mapping[str, str]] = request.get("PolicyArns") or ()
    if policy:
        parse_policy(policy, "identity")
    if len({tag["Key"].lower() for tag in tags}) != len(tags):
        raise errors.duplicate_tags()
    size = len(policy) + sum(len(tag["Key"]) + len(tag["Value"]) for tag in tags)
    size += sum(len(each.get("arn") or "") for each in arns)
    if not size:
        return None
    percent = math.ceil(size * 100 / LIMITS.session_policy_size_max)
    if percent > 100 or len(arns) > LIMITS.session_policies_max:
        raise errors.packed_policy_too_large(percent)
    return percent
