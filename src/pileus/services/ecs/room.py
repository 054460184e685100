"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.rooms import Room
from pileus.services.ecs.names import short_name
from pileus.values.context import CallContext


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    prefix = f"arn:aws:ecs:{context.region}:{context.account}"
    for member in ("resourceArn",):
        if input.get(member):
            return str(input[member])
    cluster = short_name(str(input.get("cluster") or "default"))
    if input.get("service"):
        return f"{prefix}:service/{cluster}/{short_name(str(input['service']))}"
    if operation == "StopTask":
        return f"{prefix}:task/{cluster}/{short_name(str(input.get('task')))}"
    if input.get("taskDefinition") and operation != "CreateService":
        return f"{prefix}:task-definition/{str(input['taskDefinition']).rpartition('/')[2]}"
    if "Cluster" in operation or input.get("cluster"):
        return f"{prefix}:cluster/{cluster}"
    return "*"


ROOM = Room(
    package="pileus.services.ecs",
    services=("ecs",),
    uses=("events", "iam", "logs", "s3", "secretsmanager", "ssm", "sts"),
    resource_types=("AWS::ECS::Cluster", "AWS::ECS::Service", "AWS::ECS::TaskDefinition"),
    resource_arn=_resource_arn,
    has_background=True,
)
