"""Keys of a role for whoever holds a token, fetched when they are needed.

An instance that outlives the keys it would begin with (a copy of a snapshot, a stream engine) gets, instead of
keys, an address and a token, as on AWS; the SDKs fetch keys there and renew them.
https://docs.aws.amazon.com/lambda/latest/dg/snapstart-activate.html#snapstart-credentials
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.compute.calls import Target
from pileus.compute.roles import Roles
from pileus.values.errors import ServiceError

PATH = "function-credentials"
"""Below ``/_pileus/``."""
_TOKEN_BYTES = 32


class RoleTokens:
    """Tokens of one service's instances; they live as long as the platform does, as these do.

    Args:
        roles: as the service assumes them.
    """

    def __init__(self, roles: Roles) -> None:
        self._roles = roles
        self._tokens: dict[str, str] = {}
        self._holders: dict[str, tuple[Target, str]] = {}

    async def variables(self, holder: str, target: Target, session: str) -> Mapping[str, str]:
        """What instances of one holder (a snapshot, a revision of an engine) find in their environment; nothing
        without a role. ``session``: what their identity is called.

        Raises:
            ServiceError: the role cannot be assumed.
        """
        if not target.role:
            return {}
        await self._roles.assume(target.scope, target.role, session)
        kernel = self._roles.kernel
        token = self._tokens.get(holder)
        if token is None:
            token = self._tokens[holder] = kernel.chance.random_bytes(_TOKEN_BYTES).hex()
        self._holders[token] = target, session
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{kernel.endpoint}/_pileus/{PATH}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
        }

    async def document(self, token: str) -> Mapping[str, Any] | None:
        """Fresh keys, in the form the SDKs expect; None for a token that is nobody's."""
        found = self._holders.get(token)
        if found is None:
            return None
        try:
            return await self._roles.document(*found)
        except ServiceError:
            return None  # the role is gone or does not let the service assume it any more

    def forget(self, name: str) -> None:
        """The tokens of specs of a name, or with a colon at its end of all that begin so."""
        for holder, token in list(self._tokens.items()):
            own = self._holders[token][0].spec.name
            if own == name or (name.endswith(":") and own.startswith(name)):
                del self._tokens[holder], self._holders[token]
