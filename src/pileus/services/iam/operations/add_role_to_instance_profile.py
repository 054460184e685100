"""AddRoleToInstanceProfile. https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddRoleToInstanceProfile.html"""

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
def add_role_to_instance_profile(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Put the one role into an instance profile."""
    record = store.profile(call.state, request["InstanceProfileName"])
    role = identities.given(call, "role", request)
    if record.role:
        raise errors.quota("InstanceSessionsPerInstanceProfile", 1)
    record.role = role.name
    store.put_profile(call.state, record)
    call.state.put(("profile_of", store.fold(role.name), store.fold(record.name)), b"")
