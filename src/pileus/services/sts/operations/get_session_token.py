"""GetSessionToken. https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.kernel.operations import stream
from pileus.services.sts import sessions
from pileus.services.sts.limits import LIMITS
from pileus.values.body import Body


@stream
async def get_session_token(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Temporary credentials of the calling user, or of the account's owner for an hour at most."""
    sessions.check_is_permanent(call, "GetSessionToken")
    principal = call.context.principal
    duration_s = request.get("DurationSeconds") or LIMITS.user_session_s_default
    if principal.arn.endswith(":root"):
        duration_s = min(duration_s, LIMITS.root_session_s_max)
    return {"Credentials": sessions.issued(call, principal, duration_s)}
