"""GetGroup. https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetGroup.html"""

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
def get_group(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A group and its users."""
    record = identities.given(call, "group", request)
    prefix = ("member", store.fold(record.name))

    def look(key: Any, _: bytes) -> dict[str, Any]:
        user = store.identity(call.state, "user", str(key[2]))
        return shapes.wire_identity(call, user, is_listed=True)

    users, paging = store.page(call.state, prefix, request, look)
    return {"Group": shapes.wire_identity(call, record), "Users": users, **paging}
