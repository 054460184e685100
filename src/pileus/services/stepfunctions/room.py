"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.rooms import Room
from pileus.values.context import CallContext

_ABOUT = ("stateMachineArn", "executionArn", "activityArn", "resourceArn")


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    for member in _ABOUT:
        if input.get(member):
            return str(input[member])
    if operation in ("CreateStateMachine", "CreateActivity"):
        kind = operation.removeprefix("Create")
        kind = kind[:1].lower() + kind[1:]
        return f"arn:aws:states:{context.region}:{context.account}:{kind}:{input.get('name')}"
    return "*"


ROOM = Room(
    package="pileus.services.stepfunctions",
    services=("stepfunctions",),
    uses=("sts", "lambda", "sqs", "sns", "dynamodb", "events", "stepfunctions"),
    resource_types=("AWS::StepFunctions::StateMachine", "AWS::StepFunctions::Activity"),
    resource_arn=_resource_arn,
    has_background=True,
)
"""Tasks of the kind ``aws-sdk`` may call any service that there is, which ``uses`` cannot list."""
