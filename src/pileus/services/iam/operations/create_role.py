"""CreateRole. https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    documents,
    identities,
    shapes,
    store,
)
from pileus.services.iam.limits import LIMITS


@write
def create_role(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Create a role with its trust policy."""
    record = identities.created(call, "role", request)
    documents.check_trust_policy(call, request["AssumeRolePolicyDocument"])
    record.trust = request["AssumeRolePolicyDocument"]
    record.description = request.get("Description") or ""
    record.session_s_max = request.get("MaxSessionDuration") or LIMITS.session_s_default
    store.put_identity(call.state, record)
    return {"Role": shapes.wire_identity(call, record)}
