"""AddUserToGroup. https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddUserToGroup.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    errors,
    identities,
    store,
)
from pileus.services.iam.limits import LIMITS


@write
def add_user_to_group(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Put a user into a group; once more changes nothing."""
    group = store.fold(identities.given(call, "group", request).name)
    user = store.fold(identities.given(call, "user", request).name)
    if call.state.get(("member", group, user)) is not None:
        return
    if call.state.count(("membership", user)) >= LIMITS.groups_per_user_max:
        raise errors.quota("GroupsPerUser", LIMITS.groups_per_user_max)
    call.state.put(("member", group, user), b"")
    call.state.put(("membership", user, group), b"")
