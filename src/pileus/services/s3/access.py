"""Canned ACLs, bucket policies and what makes them public.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pileus.languages.iam_policy import MalformedPolicy, parse_policy
from pileus.services.s3 import errors
from pileus.services.s3.limits import LIMITS
from pileus.services.s3.model import Bucket, owner

ENFORCED = "BucketOwnerEnforced"
_GROUPS = "http://acs.amazonaws.com/groups/global/"
_CANNED = {
    "public-read": (("AllUsers", "READ"),),
    "public-read-write": (("AllUsers", "READ"), ("AllUsers", "WRITE")),
    "authenticated-read": (("AuthenticatedUsers", "READ"),),
}
_FIXED_CONDITIONS = frozenset(
    {
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:principalaccount",
        "aws:principalarn",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceip",
        "aws:sourceorgid",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
    }
)
"""Condition keys that bind a statement to known callers, so that it is not public."""
_GRANTS = {
    "GrantFullControl": "x-amz-grant-full-control",
    "GrantRead": "x-amz-grant-read",
    "GrantReadACP": "x-amz-grant-read-acp",
    "GrantWrite": "x-amz-grant-write",
    "GrantWriteACP": "x-amz-grant-write-acp",
}


def refuse_grants(request: Mapping[str, Any]) -> None:
    """Raises NotImplemented for grants to single users."""
    if _GRANTS.keys().isdisjoint(request):
        return
    for member, header in _GRANTS.items():
        if request.get(member):
            raise errors.unsupported(f"grants to single users ({header})")


def check_object_acl(bucket: Bucket, acl: str | None) -> None:
    """Raises AccessControlListNotSupported where the bucket's owner owns everything in it."""
    if acl and bucket.ownership == ENFORCED and acl != "bucket-owner-full-control":
        raise errors.acl_not_supported()


def shown(account: str, acl: str) -> dict[str, Any]:
    """An access control list, as S3 shows it."""
    who = owner(account)
    grants: list[dict[str, Any]] = [
        {"Grantee": {**who, "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}
    ]
    for group, permission in _CANNED.get(acl, ()):
        grantee = {"Type": "Group", "URI": _GROUPS + group}
        grants.append({"Grantee": grantee, "Permission": permission})
    return {"Owner": who, "Grants": grants}


def canned_of(request: Mapping[str, Any], account: str) -> str:
    """The canned ACL that a PutBucketAcl or PutObjectAcl asks for.

    Raises:
        ServiceError: MissingSecurityHeader where it asks for nothing; NotImplemented for lists that
            are no canned ACL.
    """
    refuse_grants(request)
    acl = request.get("ACL")
    document = request.get("AccessControlPolicy")
    if acl and document:
        raise errors.unexpected_content()
    if acl:
        return str(acl)
    if not document:
        raise errors.missing_security_header()
    given = {_grant(each) for each in document.get("Grants") or ()}
    for name in ("private", *_CANNED):
        if given == {_grant(each) for each in shown(account, name)["Grants"]}:
            return name
    raise errors.unsupported("access control lists that are not one of the canned ACLs")


def _grant(grant: Mapping[str, Any]) -> tuple[str, str]:
    grantee = grant.get("Grantee") or {}
    return str(grantee.get("URI") or grantee.get("ID")), str(grant.get("Permission"))


# ---------------------------------------------------------------- policies


def checked_policy(bucket: Bucket, text: str) -> Any:
    """The document of a bucket policy; raises MalformedPolicy in S3's words."""
    if len(text.encode()) > LIMITS.policy_bytes_max:
        raise errors.malformed_policy("Your policy exceeds the maximum allowed document size.")
    if not text.startswith("{"):
        raise errors.malformed_policy("Policies must be valid JSON and the first byte must be '{'")
    try:
        document = json.loads(text)
    except ValueError:
        raise errors.malformed_policy("This policy contains invalid Json") from None
    _check_fields(document)
    try:
        parse_policy(text, "resource")
    except MalformedPolicy as problem:
        told = problem.message
        if told == "Syntax errors in policy.":
            told = "Invalid policy syntax."
        raise errors.malformed_policy(told) from problem
    for statement in statements(document):
        for action in _texts(statement, "Action", "NotAction"):
            if action != "*" and not action.lower().startswith("s3:"):
                raise errors.malformed_policy("Policy has invalid action")
        for resource in _texts(statement, "Resource", "NotResource"):
            if resource != bucket.arn and not resource.startswith((f"{bucket.arn}/", "*")):
                raise errors.malformed_policy("Policy has invalid resource")
    return document


_FIELDS = (("Effect",), ("Principal", "NotPrincipal"), ("Action", "NotAction"))


def _check_fields(document: Mapping[str, Any]) -> None:
    """Raises MalformedPolicy for a statement that lacks what each must have."""
    if not document.get("Statement"):
        raise errors.malformed_policy("Missing required field Statement")
    for statement in statements(document):
        for names in (*_FIELDS, ("Resource", "NotResource")):
            if isinstance(statement, dict) and not any(name in statement for name in names):
                raise errors.malformed_policy(f"Missing required field {names[0]}")


def statements(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A policy's statements, also where it has one that stands alone."""
    found = document["Statement"]
    return [found] if isinstance(found, dict) else list(found)


def _texts(statement: Mapping[str, Any], *names: str) -> list[str]:
    for name in names:
        if name in statement:
            value = statement[name]
            return [value] if isinstance(value, str) else list(value)
    return []


def is_public(document: Mapping[str, Any]) -> bool:
    """Whether some statement lets in everyone without a condition on who it is."""
    for statement in statements(document):
        principal = statement.get("Principal")
        names = principal.get("AWS", ()) if isinstance(principal, dict) else principal
        is_everyone = "*" in ([names] if isinstance(names, str) else names or ())
        keys = {key.lower() for each in (statement.get("Condition") or {}).values() for key in each}
        if statement.get("Effect") == "Allow" and is_everyone and not keys & _FIXED_CONDITIONS:
            return True
    return False
