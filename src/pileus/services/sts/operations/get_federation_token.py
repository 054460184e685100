"""GetFederationToken. https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.kernel.operations import stream
from pileus.services.sts import model, sessions
from pileus.services.sts.limits import LIMITS
from pileus.values.body import Body
from pileus.values.context import Principal


@stream
async def get_federation_token(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Temporary credentials of a federated user named by the caller."""
    sessions.check_is_permanent(call, "GetFederationToken")
    percent = model.packed_percent(request)
    account, name = call.account, request["Name"]
    duration_s = request.get("DurationSeconds") or LIMITS.user_session_s_default
    if call.context.principal.arn.endswith(":root"):
        duration_s = min(duration_s, LIMITS.root_session_s_max)
    arn = f"arn:aws:sts::{account}:federated-user/{name}"
    principal = Principal(arn, account, user_id=f"{account}:{name}")
    return {
        "Credentials": sessions.issued(call, principal, duration_s),
        "FederatedUser": {"FederatedUserId": principal.user_id, "Arn": arn},
        "PackedPolicySize": percent or 0,
    }
