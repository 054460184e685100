"""ListInstanceProfiles. https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListInstanceProfiles.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.iam import (
    roles,
    store,
)


@read
def list_instance_profiles(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Instance profiles in order of name."""
    prefix = request.get("PathPrefix") or "/"

    def look(_: Any, raw: bytes) -> dict[str, Any] | None:
        record = store.PROFILES.decode(raw)
        return roles.described_profile(call, record) if record.path.startswith(prefix) else None

    rows, paging = store.page(call.state, ("profile",), request, look)
    return {"InstanceProfiles": rows, **paging}
