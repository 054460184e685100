"""CreateInstanceProfile. https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateInstanceProfile.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    errors,
    shapes,
    store,
    tagging,
)
from pileus.services.iam.limits import LIMITS
from pileus.services.iam.model import Profile, unique_id


@write
def create_instance_profile(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Create an instance profile."""
    name = request["InstanceProfileName"]
    if call.state.get(("profile", store.fold(name))) is not None:
        raise errors.profile_exists(name)
    if call.state.count(("profile",)) >= LIMITS.instance_profiles_max:
        raise errors.quota("InstanceProfilesPerAccount", LIMITS.instance_profiles_max)
    record = Profile(
        name=name,
        path=request.get("Path") or "/",
        id=unique_id("profile", call.random_bytes),
        created_ms=call.now_ms,
        tags=tagging.merged({}, request.get("Tags")),
    )
    store.put_profile(call.state, record)
    return {"InstanceProfile": shapes.wire_profile(call, record, None)}
