"""Resource policies: what is a document, and what would open a secret to everybody."""

from __future__ import annotations

from typing import Any

import orjson

from pileus.services.secretsmanager import errors
from pileus.services.secretsmanager.limits import LIMITS

_NARROWING = ("aws:sourceaccount", "aws:sourcearn", "aws:principalaccount", "aws:principalarn",
              "aws:principalorgid", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceip",
              "aws:userid")  # fmt: skip


def parsed(text: str) -> dict[str, Any]:
    """The policy; raises MalformedPolicyDocumentException."""
    if len(text.encode()) > LIMITS.policy_bytes_max:
        raise errors.malformed_policy("The resource policy is too long.")
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise errors.malformed_policy("This policy contains invalid Json") from None
    if not isinstance(document, dict):
        raise errors.malformed_policy("The policy must be a JSON object.")
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise errors.malformed_policy("The policy must have a Statement.")
    for statement in statements:
        _check(statement)
    return {**document, "Statement": statements}


def _check(statement: Any) -> None:
    if not isinstance(statement, dict):
        raise errors.malformed_policy("A Statement must be a JSON object.")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise errors.malformed_policy("A Statement must have the Effect Allow or Deny.")
    for wanted in (("Principal", "NotPrincipal"), ("Action", "NotAction"),
                   ("Resource", "NotResource")):  # fmt: skip
        if not any(name in statement for name in wanted):
            raise errors.malformed_policy(f"A Statement must have the element {wanted[0]}.")


def is_public(document: dict[str, Any]) -> bool:
    """True when a statement allows everybody, without a condition that names who is meant."""
    return any(_is_open(statement) for statement in document["Statement"])


def _is_open(statement: dict[str, Any]) -> bool:
    principal = statement.get("Principal")
    named = principal.get("AWS") if isinstance(principal, dict) else principal
    everybody = named == "*" or (isinstance(named, list) and "*" in named)
    if statement["Effect"] != "Allow" or not everybody:
        return False
    keys = {
        key.lower()
        for operator in (statement.get("Condition") or {}).values()
        if isinstance(operator, dict)
        for key in operator
    }
    return not keys & set(_NARROWING)
