"""Records in wire names. Policy documents leave percent-encoded (RFC 3986), as on AWS."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from pileus.kernel.calls import Call
from pileus.kernel.credentials import AccessKey
from pileus.services.iam.model import Identity, Policy, PolicyVersion, Profile
from pileus.services.iam.tagging import wire_tags
from pileus.values.times import utc


def encoded(document: str) -> str:
    """A policy document as responses carry it."""
    return quote(document, safe="")


def wire_identity(call: Call, record: Identity, *, is_listed: bool = False) -> dict[str, Any]:
    """A ``Role``, ``User`` or ``Group``; lists leave out tags, boundary and last use."""
    prefix = record.kind.capitalize()
    output: dict[str, Any] = {
        "Path": record.path,
        f"{prefix}Name": record.name,
        f"{prefix}Id": record.id,
        "Arn": record.arn(call.account),
        "CreateDate": utc(record.created_ms),
    }
    if record.kind == "role":
        output["AssumeRolePolicyDocument"] = encoded(record.trust)
        output["MaxSessionDuration"] = record.session_s_max
        if record.description:
            output["Description"] = record.description
    if is_listed or record.kind == "group":
        return output
    if record.boundary:
        output["PermissionsBoundary"] = {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": record.boundary,
        }
    if record.tags:
        output["Tags"] = wire_tags(record.tags)
    return output


def wire_policy(call: Call, record: Policy, attached: int, boundaries: int) -> dict[str, Any]:
    """A ``Policy``."""
    output = {
        "PolicyName": record.name,
        "PolicyId": record.id,
        "Arn": record.arn(call.account),
        "Path": record.path,
        "DefaultVersionId": f"v{record.default_version}",
        "AttachmentCount": attached,
        "PermissionsBoundaryUsageCount": boundaries,
        "IsAttachable": True,
        "CreateDate": utc(record.created_ms),
        "UpdateDate": utc(record.updated_ms),
    }
    if record.description:
        output["Description"] = record.description
    if record.tags:
        output["Tags"] = wire_tags(record.tags)
    return output


def wire_version(
    record: PolicyVersion, default: int, *, has_document: bool = False
) -> dict[str, Any]:
    """A ``PolicyVersion``; only GetPolicyVersion gives the document."""
    output: dict[str, Any] = {
        "VersionId": f"v{record.number}",
        "IsDefaultVersion": record.number == default,
        "CreateDate": utc(record.created_ms),
    }
    if has_document:
        output["Document"] = encoded(record.document)
    return output


def wire_profile(call: Call, record: Profile, role: Identity | None) -> dict[str, Any]:
    """An ``InstanceProfile``."""
    output = {
        "Path": record.path,
        "InstanceProfileName": record.name,
        "InstanceProfileId": record.id,
        "Arn": record.arn(call.account),
        "CreateDate": utc(record.created_ms),
        "Roles": [wire_identity(call, role, is_listed=True)] if role else [],
    }
    if record.tags:
        output["Tags"] = wire_tags(record.tags)
    return output


def wire_key(record: AccessKey) -> dict[str, Any]:
    """An ``AccessKeyMetadata``: everything but the secret."""
    return {
        "UserName": record.user,
        "AccessKeyId": record.id,
        "Status": "Active" if record.is_active else "Inactive",
        "CreateDate": utc(record.created_ms),
    }
