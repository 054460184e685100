"""What only roles have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.services.iam import errors, identities, store
from pileus.services.iam.model import Identity, Profile, unique_id
from pileus.services.iam.shapes import wire_identity, wire_profile

SERVICE_PATH = "/aws-service-role/"

_LINKED_NAMES = {
    "apigateway": "APIGateway",
    "application-autoscaling": "ApplicationAutoScaling",
    "autoscaling": "AutoScaling",
    "ecs": "ECS",
    "ecs.application-autoscaling": "ApplicationAutoScaling_ECSService",
    "elasticache": "ElastiCache",
    "elasticloadbalancing": "ElasticLoadBalancing",
    "es": "AmazonElasticsearchService",
    "events": "CloudWatchEvents",
    "lambda.application-autoscaling": "ApplicationAutoScaling_LambdaConcurrency",
    "dynamodb.application-autoscaling": "ApplicationAutoScaling_DynamoDBTable",
    "ops.apigateway": "APIGateway",
    "rds": "RDS",
    "replication.dynamodb": "DynamoDBReplication",
    "sagemaker.application-autoscaling": "ApplicationAutoScaling_SageMakerEndpoint",
    "spot": "EC2Spot",
}
"""Service prefix → what follows ``AWSServiceRoleFor``, where it is not the prefix capitalised.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html
"""


def update(call: WriteCall, request: Mapping[str, Any]) -> Identity:
    """Change what UpdateRole and UpdateRoleDescription may; the role as it is then."""
    record = identities.given(call, "role", request)
    identities.check_modifiable(record)
    if (description := request.get("Description")) is not None:
        record.description = description
    if duration_s := request.get("MaxSessionDuration"):
        record.session_s_max = duration_s
    store.put_identity(call.state, record)
    return record


def create_service_linked(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Store a service-linked role; raises InvalidInput when there is one."""
    service = request["AWSServiceName"]
    bare = service.removesuffix(".amazonaws.com")
    words = _LINKED_NAMES.get(bare) or "".join(part.capitalize() for part in bare.split("."))
    suffix = request.get("CustomSuffix")
    name = f"AWSServiceRoleFor{words}" + (f"_{suffix}" if suffix else "")
    if call.state.get(("role", store.fold(name))) is not None:
        raise errors.service_role_exists(name)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": [service]},
        "Action": ["sts:AssumeRole"],
    }
    trust = {"Version": "2012-10-17", "Statement": [statement]}
    record = Identity(
        kind="role",
        name=name,
        path=f"{SERVICE_PATH}{service}/",
        id=unique_id("role", call.random_bytes),
        created_ms=call.now_ms,
        trust=orjson.dumps(trust).decode(),
        description=request.get("Description") or "",
        service=service,
    )
    store.put_identity(call.state, record)
    return wire_identity(call, record)


def described_profile(call: ReadCall, record: Profile) -> dict[str, Any]:
    """An ``InstanceProfile`` with its role."""
    role = store.identity(call.state, "role", record.role) if record.role else None
    return wire_profile(call, record, role)
