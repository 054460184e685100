"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.rooms import Room
from pileus.values.context import CallContext


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    here = f"arn:aws:media:{context.region}:{context.account}"
    for kind in ("Source", "Engine", "Pipeline"):
        if kind in operation and input.get("Name"):
            return f"{here}:{kind.lower()}/{input['Name']}"
    if input.get("Source"):
        return f"{here}:source/{input['Source']}"
    return "*"


ROOM = Room(
    package="pileus.services.media",
    services=("media",),
    uses=("s3", "sts", "logs", "kinesis", "events", "sqs", "lambda"),
    resource_types=(
        "Pileus::Media::Source",
        "Pileus::Media::Engine",
        "Pileus::Media::Pipeline",
    ),
    resource_arn=_resource_arn,
    has_background=True,
)
