"""DeleteServiceLinkedRole. https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteServiceLinkedRole.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    identities,
    store,
)


@write
def delete_service_linked_role(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Delete a service's role; done at once, the task only tells of it."""
    record = identities.given(call, "role", request)
    name = store.fold(record.name)
    for key, _ in call.state.range(("attached", "role", name)):
        call.state.delete(key)
        call.state.delete(("bearer", key[3], "role", name))
    call.state.delete(("role", name))
    task = f"task{record.path}{record.name}/{call.new_id()}"
    call.state.put(("deletion", task), b"")
    return {"DeletionTaskId": task}
