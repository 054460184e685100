"""Who an instance is: a role, assumed by the service that runs it, with keys of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pileus.compute.calls import Target
from pileus.kernel.credentials import Credential, issue
from pileus.kernel.kernel import Kernel
from pileus.values.context import CallContext, Principal
from pileus.values.times import iso8601

KEYS_LAST_S = 43_200
"""How long an instance's keys are valid; pools end instances well before."""


class Roles(msgspec.Struct, frozen=True):
    """Roles as one service assumes them.

    Attributes:
        service: the room (``lambda``); its principal is ``lambda.amazonaws.com``.
    """

    kernel: Kernel
    service: str

    async def assume(self, scope: str, role: str, session: str) -> Principal:
        """The role's identity under a session name of 2 to 64 characters.

        Raises:
            ServiceError: AccessDenied where the role does not let the service assume it.
        """
        account, _, region = scope.partition("/")
        context = CallContext(
            account=account,
            region=region,
            principal=Principal.service(f"{self.service}.amazonaws.com", account),
            source=self.service,
        )
        given = {"RoleArn": role, "RoleSessionName": session[:64].ljust(2, "_")}
        reply = await self.kernel.invoke(context, "sts", "AssumeRole", given)
        user: Mapping[str, Any] = reply.output["AssumedRoleUser"]
        return Principal(user["Arn"], account, user_id=user["AssumedRoleId"])

    async def variables(self, target: Target, session: str) -> dict[str, str]:
        """Fresh keys of the target's role as environment variables; none without a role."""
        if not target.role:
            return {}
        keys = await self._keys(target, session)
        return {
            "AWS_ACCESS_KEY_ID": keys.access_key_id,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "AWS_SESSION_TOKEN": keys.session_token,
        }

    async def document(self, target: Target, session: str) -> dict[str, str]:
        """The same as SDKs take it from an address they are given."""
        keys = await self._keys(target, session)
        return {
            "RoleArn": target.role,
            "AccessKeyId": keys.access_key_id,
            "SecretAccessKey": keys.secret_key,
            "Token": keys.session_token,
            "Expiration": iso8601(keys.expires_ms or 0, millis=False),
        }

    async def _keys(self, target: Target, session: str) -> Credential:
        principal = await self.assume(target.scope, target.role, session)
        kernel = self.kernel
        return issue(
            kernel.signing_key,
            kernel.chance.random_bytes,
            principal,
            kernel.clock.now_ms(),
            KEYS_LAST_S,
        )
