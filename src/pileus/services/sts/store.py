"""This room keeps nothing: its credentials carry their own claims (``kernel/credentials.py``).

What it needs of a role it asks of the iam room, through the door, in the role's own account.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from pileus.kernel.calls import StreamCall
from pileus.values.errors import ServiceError


async def find_role(call: StreamCall, account: str, name: str) -> Mapping[str, Any] | None:
    """The role as GetRole tells it, its trust policy decoded; None when there is none."""
    try:
        reply = await call.in_account(account).invoke("iam", "GetRole", {"RoleName": name})
    except ServiceError as error:
        if error.code != "NoSuchEntity":
            raise
        return None
    role: Mapping[str, Any] = reply.output["Role"]
    return {**role, "AssumeRolePolicyDocument": unquote(role["AssumeRolePolicyDocument"])}
