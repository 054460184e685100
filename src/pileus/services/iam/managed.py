"""Managed policies by ARN, the account's own and AWS's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.services.iam import aws_managed, errors, store
from pileus.services.iam.model import Policy, PolicyVersion
from pileus.services.iam.shapes import wire_policy
from pileus.values.times import utc


def find(call: ReadCall, arn: str) -> Policy | None:
    """The account's own policy with that ARN; raises ValidationError for what is no policy ARN."""
    prefix, _, rest = arn.partition(":policy/")
    if not rest or not prefix.startswith("arn:aws:iam::"):
        raise errors.invalid_policy_arn(arn)
    if prefix != f"arn:aws:iam::{call.account}":
        return None
    raw = call.state.get(("policy", store.fold(rest.rpartition("/")[2])))
    found = None if raw is None else store.POLICIES.decode(raw)
    return found if found is not None and found.arn(call.account) == arn else None


def own(call: ReadCall, arn: str) -> Policy:
    """The account's own policy; raises NoSuchEntity, AccessDenied for one of AWS's."""
    found = find(call, arn)
    if found is None:
        if aws_managed.is_aws_managed(arn):
            raise errors.aws_policy_is_fixed()
        raise errors.no_such_policy(arn)
    return found


def check_attachable(call: ReadCall, arn: str) -> None:
    """Raise NoSuchEntity unless the ARN is of a policy of the account or of AWS."""
    if find(call, arn) is None and not aws_managed.is_aws_managed(arn):
        raise errors.not_attachable(arn)


def version(call: ReadCall, arn: str, version_id: str) -> tuple[PolicyVersion, int]:
    """A policy's version and the number of its default one; raises NoSuchEntity."""
    found = find(call, arn)
    if found is not None:
        number = version_id.partition(".")[0].removeprefix("v")
        raw = call.state.get(("policy_version", store.fold(found.name), int(number)))
        if raw is None:
            raise errors.no_such_version(arn, version_id)
        return store.VERSIONS.decode(raw), found.default_version
    if not aws_managed.is_aws_managed(arn):
        raise errors.no_such_policy(arn)
    if version_id != "v1":
        raise errors.no_such_version(arn, version_id)
    text = aws_managed.document(arn)
    if text is None:
        raise errors.unknown_document(arn)
    return PolicyVersion(number=1, document=text, created_ms=aws_managed.CREATED_MS), 1


def boundary_users(call: ReadCall, arn: str) -> list[tuple[str, str]]:
    """``(kind, folded name)`` of roles and users that have the policy as their boundary."""
    return [
        (kind, str(key[1]))
        for kind in ("role", "user")
        for key, raw in call.state.range((kind,))
        if store.IDENTITIES.decode(raw).boundary == arn
    ]


def described(call: ReadCall, record: Policy) -> dict[str, Any]:
    """A ``Policy`` of the account."""
    arn = record.arn(call.account)
    attached = call.state.count(("bearer", arn))
    return wire_policy(call, record, attached, len(boundary_users(call, arn)))


def described_aws(call: ReadCall, arn: str) -> dict[str, Any]:
    """A ``Policy`` of AWS's."""
    return {
        **aws_managed.facts(arn),
        "DefaultVersionId": "v1",
        "AttachmentCount": call.state.count(("bearer", arn)),
        "PermissionsBoundaryUsageCount": len(boundary_users(call, arn)),
        "IsAttachable": True,
        "CreateDate": utc(aws_managed.CREATED_MS),
        "UpdateDate": utc(aws_managed.CREATED_MS),
    }


def listed(call: ReadCall, scope: str) -> Iterable[dict[str, Any]]:
    """Policies of a scope (All, AWS, Local): the account's by name, then AWS's whose text is known."""
    if scope != "AWS":
        for _, raw in call.state.range(("policy",)):
            output = described(call, store.POLICIES.decode(raw))
            # Lists tell neither tags nor description.
            yield {k: v for k, v in output.items() if k not in ("Tags", "Description")}
    if scope != "Local":
        for arn in aws_managed.known_arns():
            yield described_aws(call, arn)
