"""PutUserPermissionsBoundary. https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutUserPermissionsBoundary.html"""

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
def put_user_permissions_boundary(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Set the policy that bounds what a user may be allowed."""
    record = identities.given(call, "user", request)
    identities.check_modifiable(record)
    identities.check_boundary(call, request["PermissionsBoundary"])
    record.boundary = request["PermissionsBoundary"]
    store.put_identity(call.state, record)
