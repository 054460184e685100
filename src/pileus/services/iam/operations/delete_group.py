"""DeleteGroup. https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteGroup.html"""

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
def delete_group(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Delete a group that has neither users nor policies."""
    record = identities.given(call, "group", request)
    if call.state.count(("member", store.fold(record.name))):
        raise errors.has_members()
    identities.removed(call, record)
