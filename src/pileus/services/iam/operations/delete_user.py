"""DeleteUser. https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html"""

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
def delete_user(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Delete a user that has no policies, keys or groups."""
    record = identities.given(call, "user", request)
    name = store.fold(record.name)
    if call.state.count(("membership", name)):
        raise errors.has_members()
    if call.state.count(("key_of", name)):
        raise errors.has_access_keys()
    identities.removed(call, record)
