"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.rooms import Room
from pileus.values.context import CallContext


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    name = input.get("Name") or input.get("Path") or input.get("ResourceId") or "*"
    if str(name).startswith("arn:"):
        return str(name)
    bare = str(name).removeprefix("/")
    return f"arn:aws:ssm:{context.region}:{context.account}:parameter/{bare}"


ROOM = Room(
    package="pileus.services.ssm",
    services=("ssm",),
    resource_types=("AWS::SSM::Parameter",),
    resource_arn=_resource_arn,
)
