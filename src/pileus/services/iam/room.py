"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.rooms import Room
from pileus.values.context import CallContext

_KINDS = (
    ("RoleName", "role"),
    ("UserName", "user"),
    ("GroupName", "group"),
    ("InstanceProfileName", "instance-profile"),
    ("PolicyName", "policy"),
)


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    """The identity or policy named; its path is not known before the operation looks it up."""
    for member, kind in _KINDS:
        if name := input.get(member):
            path = input.get("Path") or "/"
            return f"arn:aws:iam::{context.account}:{kind}{path}{name}"
    return str(input.get("PolicyArn") or "*")


ROOM = Room(
    package="pileus.services.iam",
    services=("iam",),
    is_regional=False,
    resource_types=(
        "AWS::IAM::Group",
        "AWS::IAM::InstanceProfile",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::IAM::RolePolicy",
        "AWS::IAM::User",
    ),
    resource_arn=_resource_arn,
)
