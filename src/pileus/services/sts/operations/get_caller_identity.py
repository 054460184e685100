"""GetCallerIdentity. https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.kernel.operations import stream
from pileus.values.body import Body


# A stream and not a read, because it looks at no state: no snapshot is taken for it.
@stream
async def get_caller_identity(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Who signed the request."""
    who = call.context.principal
    return {"UserId": who.user_id or who.account, "Account": who.account, "Arn": who.arn}
