"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.rooms import Room
from pileus.values.context import CallContext


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    if input.get("StreamARN"):
        return str(input["StreamARN"])
    name = input.get("StreamName")
    here = f"arn:aws:kinesisvideo:{context.region}:{context.account}"
    return f"{here}:stream/{name}/*" if name else "*"


ROOM = Room(
    package="pileus.services.kinesisvideo",
    services=("kinesisvideo", "kinesis-video-media", "kinesis-video-archived-media"),
    uses=("media",),
    resource_types=("AWS::KinesisVideo::Stream",),
    resource_arn=_resource_arn,
)
