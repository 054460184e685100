"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.rooms import Room
from pileus.services.lambda_.names import function_name
from pileus.values.context import CallContext


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    prefix = f"arn:aws:lambda:{context.region}:{context.account}:"
    if input.get("FunctionName"):
        return f"{prefix}function:{function_name(str(input['FunctionName']))[0]}"
    if input.get("LayerName"):
        return f"{prefix}layer:{input['LayerName']}"
    return str(input.get("Resource") or "*")


ROOM = Room(
    package="pileus.services.lambda_",
    services=("lambda",),
    uses=("s3", "sts", "sqs", "sns", "events", "logs", "lambda"),
    resource_types=(
        "AWS::Lambda::Function",
        "AWS::Lambda::Version",
        "AWS::Lambda::Alias",
        "AWS::Lambda::Permission",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::LayerVersion",
    ),
    resource_arn=_resource_arn,
    has_background=True,
)
