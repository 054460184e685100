"""DeleteRolePermissionsBoundary. https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRolePermissionsBoundary.html"""

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
def delete_role_permissions_boundary(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Take away a role's permissions boundary."""
    record = identities.given(call, "role", request)
    identities.check_modifiable(record)
    if not record.boundary:
        raise errors.no_boundary("role", record.name)
    record.boundary = ""
    store.put_identity(call.state, record)
