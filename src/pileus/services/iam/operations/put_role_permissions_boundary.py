"""PutRolePermissionsBoundary. https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePermissionsBoundary.html"""

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
def put_role_permissions_boundary(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Set the policy that bounds what a role may be allowed."""
    record = identities.given(call, "role", request)
    identities.check_modifiable(record)
    identities.check_boundary(call, request["PermissionsBoundary"])
    record.boundary = request["PermissionsBoundary"]
    store.put_identity(call.state, record)
