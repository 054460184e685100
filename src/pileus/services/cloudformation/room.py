"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.rooms import Room
from pileus.values.context import CallContext


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    """The stack; its id's last part is not known before the operation looks it up."""
    name = str(input.get("StackName") or "")
    if name.startswith("arn:"):
        return name
    if not name:
        return "*"
    return f"arn:aws:cloudformation:{context.region}:{context.account}:stack/{name}/*"


ROOM = Room(
    package="pileus.services.cloudformation",
    services=("cloudformation",),
    uses=("s3", "ssm", "secretsmanager", "lambda", "sns", "events", "cloudformation"),
    resource_types=(
        "AWS::CDK::Metadata",
        "AWS::CloudFormation::CustomResource",
        "AWS::CloudFormation::Stack",
        "AWS::CloudFormation::WaitCondition",
        "AWS::CloudFormation::WaitConditionHandle",
    ),
    resource_arn=_resource_arn,
    has_background=True,
)
