"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pileus.kernel.rooms import Room, modelled_error
from pileus.services.iam import errors
from pileus.shapes.validation import Violation
from pileus.values.context import CallContext
from pileus.values.errors import ServiceError

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


_NAMES = frozenset(wire[0].lower() + wire[1:] for wire, _ in _KINDS) | {
    "newGroupName",
    "newUserName",
}


def _invalid_input(service: str, operation: str, violations: Sequence[Violation]) -> ServiceError:
    """As everywhere, but for the letters of names and paths, for which IAM has sentences."""
    first = violations[0]
    if len(violations) == 1 and first.kind == "pattern":
        if first.path in _NAMES:
            return errors.invalid_name(first.path)
        if first.path in ("path", "newPath"):
            return errors.invalid_path(first.path)
    return modelled_error(service, operation, violations)


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
    invalid_input=_invalid_input,
)
