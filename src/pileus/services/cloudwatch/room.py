"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.rooms import Room
from pileus.values.context import CallContext


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    if given := input.get("ResourceARN"):
        return str(given)
    here = f"arn:aws:cloudwatch:{context.region}:{context.account}"
    if name := input.get("AlarmName"):
        return f"{here}:alarm:{name}"
    if name := input.get("DashboardName"):
        return f"arn:aws:cloudwatch::{context.account}:dashboard/{name}"
    return "*"


ROOM = Room(
    package="pileus.services.cloudwatch",
    services=("cloudwatch",),
    uses=("sns", "lambda", "events", "cloudwatch"),
    resource_types=(
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::CompositeAlarm",
        "AWS::CloudWatch::Dashboard",
    ),
    resource_arn=_resource_arn,
)
