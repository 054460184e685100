"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from pileus.kernel.rooms import Room
from pileus.values.arns import Arn, is_arn
from pileus.values.context import CallContext


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    name = str(input.get("SecretId") or input.get("Name") or "*")
    if is_arn(name):
        return name
    return f"arn:aws:secretsmanager:{context.region}:{context.account}:secret:{name}"


def _owner(context: CallContext, operation: str, input: Mapping[str, Any]) -> CallContext:
    """Whose secret it is: an ARN tells the account."""
    secret_id = str(input.get("SecretId") or "")
    account = Arn.parse(secret_id).account if is_arn(secret_id) else ""
    if not account or account == context.account:
        return context
    return replace(context, account=account)


ROOM = Room(
    package="pileus.services.secretsmanager",
    services=("secretsmanager",),
    uses=("lambda", "secretsmanager"),
    resource_types=(
        "AWS::SecretsManager::Secret",
        "AWS::SecretsManager::ResourcePolicy",
        "AWS::SecretsManager::RotationSchedule",
    ),
    resource_arn=_resource_arn,
    owner=_owner,
    has_background=True,
)
