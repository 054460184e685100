"""Parameter policies: checked when set; an expiration deletes the parameter when it is due.

https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Timer
from pileus.services.ssm import errors
from pileus.services.ssm.limits import LIMITS
from pileus.values.times import epoch_ms

_ATTRIBUTES = {
    "Expiration": ("Timestamp",),
    "ExpirationNotification": ("Before", "Unit"),
    "NoChangeNotification": ("After", "Unit"),
}


def checked(text: str) -> list[str]:
    """Each policy as JSON text; ``{}`` or an empty list takes all policies away.

    Raises InvalidPolicyTypeException, InvalidPolicyAttributeException,
    PoliciesLimitExceededException.
    """
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise errors.invalid_policy("The policies aren't valid JSON.") from None
    if given in ({}, [], [{}]):
        return []
    if not isinstance(given, list):
        raise errors.invalid_policy("The policies must be a JSON array.")
    if len(given) > LIMITS.policies_max:
        raise errors.policies_limit()
    for policy in given:
        _check(policy)
    return [orjson.dumps(policy).decode() for policy in given]


def _check(policy: Any) -> None:
    if not isinstance(policy, dict):
        raise errors.invalid_policy("A policy must be a JSON object.")
    kind = policy.get("Type")
    if kind not in _ATTRIBUTES:
        raise errors.invalid_policy_type(kind)
    attributes = policy.get("Attributes")
    for name in _ATTRIBUTES[kind]:
        if not isinstance(attributes, dict) or not isinstance(attributes.get(name), str):
            raise errors.invalid_policy(f"The policy {kind} lacks the attribute {name}.")
    if kind == "Expiration":
        _moment_ms(policy)


def _moment_ms(policy: dict[str, Any]) -> int:
    text = policy["Attributes"]["Timestamp"]
    try:
        return epoch_ms(datetime.fromisoformat(text))
    except ValueError:
        raise errors.invalid_policy(f"The timestamp {text} isn't in ISO 8601 format.") from None


def schedule(call: WriteCall, name: str, policies: list[str]) -> None:
    """Set or cancel the timer that deletes the parameter."""
    call.cancel_timer("expire_parameter", name)
    for text in policies:
        policy = orjson.loads(text)
        if policy["Type"] == "Expiration":
            at_ms = _moment_ms(policy)
            call.set_timer(
                Timer(name="expire_parameter", key=name, at_ms=at_ms, payload={"name": name})
            )
