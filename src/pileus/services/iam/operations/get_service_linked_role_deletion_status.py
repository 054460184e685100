"""GetServiceLinkedRoleDeletionStatus. https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetServiceLinkedRoleDeletionStatus.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.iam import (
    errors,
)


@read
def get_service_linked_role_deletion_status(
    call: ReadCall, request: Mapping[str, Any]
) -> dict[str, Any]:
    """Whether the role is gone: it is since the task exists."""
    if call.state.get(("deletion", request["DeletionTaskId"])) is None:
        raise errors.no_such_deletion_task(request["DeletionTaskId"])
    return {"Status": "SUCCEEDED"}
