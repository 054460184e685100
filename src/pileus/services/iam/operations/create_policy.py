"""CreatePolicy. https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    documents,
    errors,
    managed,
    store,
    tagging,
)
from pileus.services.iam.limits import LIMITS
from pileus.services.iam.model import Policy, PolicyVersion, unique_id


@write
def create_policy(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Create a managed policy; its text becomes version v1."""
    name, text = request["PolicyName"], request["PolicyDocument"]
    documents.check_identity_policy(text)
    documents.check_managed_size(text)
    tags = tagging.merged({}, request.get("Tags"))
    if call.state.get(("policy", store.fold(name))) is not None:
        raise errors.policy_exists(name)
    if call.state.count(("policy",)) >= LIMITS.policies_max:
        raise errors.quota("PoliciesPerAccount", LIMITS.policies_max)
    record = Policy(
        name=name,
        path=request.get("Path") or "/",
        id=unique_id("policy", call.random_bytes),
        created_ms=call.now_ms,
        updated_ms=call.now_ms,
        description=request.get("Description") or "",
        tags=tags,
    )
    version = PolicyVersion(number=1, document=text, created_ms=call.now_ms)
    store.put_policy(call.state, record)
    call.state.put(("policy_version", store.fold(name), 1), store.VERSIONS.encode(version))
    output = managed.described(call, record)
    output.pop("Description", None)
    return {"Policy": output}
