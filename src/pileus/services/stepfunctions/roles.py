"""Executions act as their state machine's role."""

from __future__ import annotations

from pileus.kernel.calls import StreamCall
from pileus.values.context import Principal
from pileus.values.errors import ServiceError

_SERVICE = "states.amazonaws.com"
_SESSION_MAX = 64
_KEPT_MS = 300_000


class Roles:
    """Identities that were assumed, each for a few minutes; the platform has one."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[int, Principal]] = {}

    async def assume(self, call: StreamCall, role_arn: str, session: str) -> Principal:
        """The role's identity.

        Raises:
            ServiceError: AccessDeniedException where it does not let Step Functions assume it.
        """
        now_ms = call.clock.now_ms()
        key = (call.account, role_arn)
        known = self._known.get(key)
        if known is not None and known[0] > now_ms:
            return known[1]
        given = {"RoleArn": role_arn, "RoleSessionName": session[:_SESSION_MAX].ljust(2, "_")}
        asking = Principal.service(_SERVICE, call.account)
        try:
            reply = await call.invoke("sts", "AssumeRole", given, principal=asking)
        except ServiceError:
            raise ServiceError(
                "AccessDeniedException",
                f"Neither the global service principal {_SERVICE}, nor the regional one is "
                "authorized to assume the provided role.",
            ) from None
        user = reply.output["AssumedRoleUser"]
        found = Principal(user["Arn"], call.account, user_id=user["AssumedRoleId"])
        self._known[key] = (now_ms + _KEPT_MS, found)
        return found
