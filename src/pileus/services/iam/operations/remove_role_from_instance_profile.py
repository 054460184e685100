"""RemoveRoleFromInstanceProfile. https://docs.aws.amazon.com/IAM/latest/APIReference/API_RemoveRoleFromInstanceProfile.html"""

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
def remove_role_from_instance_profile(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Take the role out of an instance profile."""
    record = store.profile(call.state, request["InstanceProfileName"])
    role = identities.given(call, "role", request)
    if store.fold(record.role) != store.fold(role.name):
        raise errors.no_such_identity("role", role.name)
    record.role = ""
    store.put_profile(call.state, record)
    call.state.delete(("profile_of", store.fold(role.name), store.fold(record.name)))
