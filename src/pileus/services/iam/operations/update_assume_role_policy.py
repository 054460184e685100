"""UpdateAssumeRolePolicy. https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAssumeRolePolicy.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    documents,
    identities,
    store,
)


@write
def update_assume_role_policy(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Replace a role's trust policy."""
    record = identities.given(call, "role", request)
    identities.check_modifiable(record)
    documents.check_trust_policy(call, request["PolicyDocument"])
    record.trust = request["PolicyDocument"]
    store.put_identity(call.state, record)
