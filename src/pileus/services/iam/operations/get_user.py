"""GetUser. https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetUser.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.iam import (
    keys,
    shapes,
    store,
)
from pileus.values.times import utc


@read
def get_user(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A user; without a name the caller."""
    if not request.get("UserName") and call.context.principal.arn.endswith(":root"):
        return {
            "User": {
                "Path": "/",
                "UserName": call.account,
                "UserId": call.account,
                "Arn": call.context.principal.arn,
                "CreateDate": utc(0),
            }
        }
    record = store.identity(call.state, "user", keys.user_name(call, request))
    return {"User": shapes.wire_identity(call, record)}
