"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pileus.kernel.rooms import Room
from pileus.services.sagemaker import errors
from pileus.shapes.validation import Violation, violation_error
from pileus.values.context import CallContext
from pileus.values.errors import ServiceError


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    kinds = (
        ("endpoint", "EndpointName"),
        ("endpoint-config", "EndpointConfigName"),
        ("model", "ModelName"),
    )
    for kind, member in kinds:
        if input.get(member):
            prefix = f"arn:aws:sagemaker:{context.region}:{context.account}"
            return f"{prefix}:{kind}/{str(input[member]).lower()}"
    return str(input.get("ResourceArn") or "*")


def _invalid_input(service: str, operation: str, violations: Sequence[Violation]) -> ServiceError:
    error = violation_error(service, violations)
    return errors.runtime_invalid(error.message) if service == "sagemaker-runtime" else error


ROOM = Room(
    package="pileus.services.sagemaker",
    services=("sagemaker", "sagemaker-runtime"),
    uses=("s3", "sts", "logs"),
    resource_types=(
        "AWS::SageMaker::Endpoint",
        "AWS::SageMaker::EndpointConfig",
        "AWS::SageMaker::Model",
    ),
    resource_arn=_resource_arn,
    invalid_input=_invalid_input,
    has_background=True,
)
