"""RemoveUserFromGroup. https://docs.aws.amazon.com/IAM/latest/APIReference/API_RemoveUserFromGroup.html"""

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


@write
def remove_user_from_group(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Take a user out of a group."""
    group = identities.given(call, "group", request).name
    user = identities.given(call, "user", request).name
    key = ("member", store.fold(group), store.fold(user))
    if call.state.get(key) is None:
        raise errors.not_in_group(user, group)
    call.state.delete(key)
    call.state.delete(("membership", key[2], key[1]))
