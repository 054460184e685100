"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.rooms import Room
from pileus.values.context import CallContext


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    return str(input.get("RoleArn") or "*")


ROOM = Room(
    package="pileus.services.sts",
    services=("sts",),
    uses=("iam",),
    resource_arn=_resource_arn,
)
