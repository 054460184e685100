"""ListInstanceProfilesForRole. https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListInstanceProfilesForRole.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.iam import (
    identities,
    roles,
    store,
)


@read
def list_instance_profiles_for_role(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The instance profiles a role is in."""
    record = identities.given(call, "role", request)

    def look(key: Any, _: bytes) -> dict[str, Any]:
        return roles.described_profile(call, store.profile(call.state, str(key[2])))

    prefix = ("profile_of", store.fold(record.name))
    rows, paging = store.page(call.state, prefix, request, look)
    return {"InstanceProfiles": rows, **paging}
