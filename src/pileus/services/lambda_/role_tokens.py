"""Keys of a role for whoever holds a token, fetched when they are needed.

A snapshot outlives the keys it would begin with, so functions with SnapStart get, instead of keys, an
address and a token, as on AWS; the SDKs fetch keys there and renew them.
https://docs.aws.amazon.com/lambda/latest/dg/snapstart-activate.html#snapstart-credentials
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.compute.calls import Target
from pileus.compute.roles import Roles
from pileus.kernel.kernel import Kernel
from pileus.values.errors import ServiceError

PATH = "function-credentials"
"""Below ``/_pileus/``."""
_TOKEN_BYTES = 32


class RoleTokens:
    """Tokens of snapshots; they live as long as the platform does, as snapshots do."""

    def __init__(self, kernel: Kernel, roles: Roles) -> None:
        self._kernel = kernel
        self._roles = roles
        self._tokens: dict[str, str] = {}
        self._targets: dict[str, Target] = {}

    async def variables(self, target: Target) -> Mapping[str, str]:
        """What a snapshot and its copies find in their environment; nothing without a role.

        Raises:
            ServiceError: the role cannot be assumed.
        """
        if not target.role:
            return {}
        await self._roles.assume(target.scope, target.role, target.function)
        snapshot = target.spec.snapshot
        token = self._tokens.get(snapshot)
        if token is None:
            token = self._tokens[snapshot] = self._kernel.chance.random_bytes(_TOKEN_BYTES).hex()
        self._targets[token] = target
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self._kernel.endpoint}/_pileus/{PATH}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
        }

    async def document(self, token: str) -> Mapping[str, Any] | None:
        """Fresh keys, in the form the SDKs expect; None for a token that is nobody's."""
        target = self._targets.get(token)
        if target is None:
            return None
        try:
            return await self._roles.document(target, target.function)
        except ServiceError:
            return None  # the role is gone or does not let Lambda assume it any more

    def forget(self, name: str) -> None:
        """The tokens of specs of a name, or with a colon at its end of all that begin so."""
        for snapshot, token in list(self._tokens.items()):
            own = self._targets[token].spec.name
            if own == name or (name.endswith(":") and own.startswith(name)):
                del self._tokens[snapshot], self._targets[token]
