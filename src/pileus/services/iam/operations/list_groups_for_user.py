"""ListGroupsForUser. https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListGroupsForUser.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.iam import (
    identities,
    shapes,
    store,
)


@read
def list_groups_for_user(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The groups a user is in."""
    record = identities.given(call, "user", request)

    def look(key: Any, _: bytes) -> dict[str, Any]:
        return shapes.wire_identity(call, store.identity(call.state, "group", str(key[2])))

    prefix = ("membership", store.fold(record.name))
    groups, paging = store.page(call.state, prefix, request, look)
    return {"Groups": groups, **paging}
