"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from pileus.kernel.rooms import Room
from pileus.services.ecr.errors import REPOSITORY_PATTERN, invalid_parameter
from pileus.shapes.validation import Violation
from pileus.values.context import CallContext
from pileus.values.errors import ServiceError


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    names: list[str] = input.get("repositoryNames") or []
    name = input.get("repositoryName") or (names[0] if len(names) == 1 else "")
    if not name:
        return str(input.get("resourceArn") or "*")
    return f"arn:aws:ecr:{context.region}:{context.account}:repository/{name}"


def _owner(context: CallContext, operation: str, input: Mapping[str, Any]) -> CallContext:
    """Whose registry it is: ``registryId`` tells."""
    registry = input.get("registryId")
    return replace(context, account=registry) if registry else context


def _invalid_input(service: str, operation: str, violations: Sequence[Violation]) -> ServiceError:
    """Its own words, as ECR's constraints are not told by the framework."""
    first = violations[0]
    constraint = first.constraint
    if first.kind == "pattern":
        constraint = constraint.replace("Member must satisfy regular expression pattern: ", "")
        if first.path == "repositoryName":
            constraint = REPOSITORY_PATTERN
        constraint = f"must satisfy regular expression '{constraint}'"
    return invalid_parameter(first.path, constraint.removeprefix("Member "))


ROOM = Room(
    package="pileus.services.ecr",
    services=("ecr",),
    resource_types=("AWS::ECR::Repository",),
    resource_arn=_resource_arn,
    owner=_owner,
    invalid_input=_invalid_input,
    has_background=True,
)
