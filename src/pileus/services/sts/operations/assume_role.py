"""AssumeRole. https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.kernel.operations import stream
from pileus.languages.iam_policy import evaluate
from pileus.services.sts import errors, model, sessions, store
from pileus.services.sts.limits import LIMITS
from pileus.values.body import Body
from pileus.values.context import Principal


@stream
async def assume_role(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Temporary credentials of a role whose trust policy lets the caller have them."""
    account, name = model.role_of(request["RoleArn"])
    percent = model.packed_percent(request)
    role = await store.find_role(call, account, name)
    caller = call.context.principal
    if role is None or role["Arn"] != request["RoleArn"]:
        raise errors.not_authorized(caller.arn, "sts:AssumeRole", request["RoleArn"])
    _check_trust(caller, role, request)
    duration_s = request.get("DurationSeconds") or LIMITS.role_session_s_default
    if duration_s > role["MaxSessionDuration"]:
        raise errors.duration_exceeds_role()
    if ":assumed-role/" in caller.arn and duration_s > LIMITS.chained_session_s_max:
        raise errors.duration_exceeds_chaining()
    session = request["RoleSessionName"]
    arn = f"arn:aws:sts::{account}:assumed-role/{role['RoleName']}/{session}"
    principal = Principal(arn, account, user_id=f"{role['RoleId']}:{session}")
    output: dict[str, Any] = {
        "Credentials": sessions.issued(call, principal, duration_s),
        "AssumedRoleUser": {"AssumedRoleId": principal.user_id, "Arn": arn},
    }
    if percent is not None:
        output["PackedPolicySize"] = percent
    if request.get("SourceIdentity"):
        output["SourceIdentity"] = request["SourceIdentity"]
    return output


def _check_trust(caller: Principal, role: Mapping[str, Any], request: Mapping[str, Any]) -> None:
    """Raise AccessDenied unless the trust policy allows every action the request amounts to."""
    policy = model.trust_policy(role["AssumeRolePolicyDocument"])
    tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or ()}
    context = {
        "aws:PrincipalArn": caller.arn,
        "aws:PrincipalAccount": caller.account,
        "aws:userid": caller.user_id,
        "sts:ExternalId": request.get("ExternalId"),
        "sts:RoleSessionName": request["RoleSessionName"],
        "sts:SourceIdentity": request.get("SourceIdentity"),
        "sts:TransitiveTagKeys": request.get("TransitiveTagKeys"),
        "aws:TagKeys": list(tags) or None,
        **{f"aws:RequestTag/{key}": value for key, value in tags.items()},
    }
    actions = ["sts:AssumeRole"]
    if tags:
        actions.append("sts:TagSession")
    if request.get("SourceIdentity"):
        actions.append("sts:SetSourceIdentity")
    for action in actions:
        if evaluate([policy], action, role["Arn"], context, principal=caller) != "allow":
            raise errors.not_authorized(caller.arn, action, role["Arn"])
