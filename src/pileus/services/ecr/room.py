"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.rooms import Room
from pileus.values.context import CallContext


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    names: list[str] = input.get("repositoryNames") or []
    if len(names) != 1:
        return "*"
    registry = input.get("registryId") or context.account
    return f"arn:aws:ecr:{context.region}:{registry}:repository/{names[0]}"


ROOM = Room(package="pileus.services.ecr", services=("ecr",), resource_arn=_resource_arn)
