"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from pileus.kernel.rooms import BodyLimit, Room, modelled_error
from pileus.services.lambda_ import errors
from pileus.services.lambda_.limits import LIMITS
from pileus.services.lambda_.names import function_arn, function_name, home
from pileus.shapes.validation import Violation
from pileus.values.context import CallContext
from pileus.values.errors import ServiceError


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    prefix = f"arn:aws:lambda:{context.region}:{context.account}:"
    if input.get("FunctionName"):
        return f"{prefix}function:{function_name(str(input['FunctionName']))[0]}"
    if input.get("LayerName"):
        return f"{prefix}layer:{input['LayerName']}"
    return str(input.get("Resource") or input.get("CodeSigningConfigArn") or "*")


def _in_reach(context: CallContext, operation: str, input: Mapping[str, Any]) -> CallContext:
    """A function is asked for in its own region and, without policies between accounts, account.

    Raises:
        ServiceError: ResourceNotFoundException, AccessDeniedException for one that is elsewhere.
    """
    given = str(input.get("FunctionName") or "")
    if ":" not in given:
        return context
    region, account = home(given)
    if region and region != context.region:
        raise errors.unreachable_region(region, context.region)
    if account and account != context.account:
        name, qualifier = function_name(given)
        arn = function_arn(context.region, account, name, qualifier)
        action = "InvokeFunction" if operation == "Invoke" else operation
        raise errors.not_authorized(context.principal.arn, f"lambda:{action}", arn)
    return context


def _invalid_input(service: str, operation: str, violations: Sequence[Violation]) -> ServiceError:
    """As everywhere, but for runtimes, and with a part's last constraint told."""
    first = violations[0]
    if first.path == "runtime" and len(violations) == 1:
        return errors.invalid(
            f"Value {first.value} at 'runtime' failed to satisfy constraint: {first.constraint} or "
            "be a valid ARN"
        )
    return modelled_error(service, operation, [_told_whole(each) for each in violations])


_WITH_PACKAGES = ("CreateFunction", "UpdateFunctionCode", "PublishLayerVersion")


def _body_limit(operation: str) -> BodyLimit | None:
    if operation not in _WITH_PACKAGES:
        return None
    limit = LIMITS.request_bytes_max
    return BodyLimit(limit, errors.request_too_large(operation, limit))


def _told_whole(violation: Violation) -> Violation:
    if "must satisfy constraint: [" not in violation.constraint:
        return violation
    told = violation.constraint.removesuffix("]") + ", Member must not be null]"
    return replace(violation, constraint=told)


ROOM = Room(
    package="pileus.services.lambda_",
    services=("lambda",),
    uses=(
        "s3",
        "sts",
        "sqs",
        "sns",
        "events",
        "logs",
        "lambda",
        "kinesis",
        "dynamodbstreams",
        "media",
        "secretsmanager",
    ),
    resource_types=(
        "AWS::Lambda::Function",
        "AWS::Lambda::CodeSigningConfig",
        "AWS::Lambda::Version",
        "AWS::Lambda::Alias",
        "AWS::Lambda::Permission",
        "AWS::Lambda::Url",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::LayerVersion",
    ),
    resource_arn=_resource_arn,
    invalid_input=_invalid_input,
    owner=_in_reach,
    body_limit=_body_limit,
    has_background=True,
    namespace="AWS/Lambda",
)
