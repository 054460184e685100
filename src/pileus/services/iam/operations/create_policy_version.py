"""CreatePolicyVersion. https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicyVersion.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    documents,
    errors,
    managed,
    shapes,
    store,
)
from pileus.services.iam.limits import LIMITS
from pileus.services.iam.model import PolicyVersion


@write
def create_policy_version(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Add a text to a managed policy, as its default if asked to."""
    record = managed.own(call, request["PolicyArn"])
    text, name = request["PolicyDocument"], store.fold(record.name)
    documents.check_identity_policy(text)
    documents.check_managed_size(text)
    if call.state.count(("policy_version", name)) >= LIMITS.policy_versions_max:
        raise errors.too_many_versions(LIMITS.policy_versions_max)
    record.last_version += 1
    version = PolicyVersion(number=record.last_version, document=text, created_ms=call.now_ms)
    if request.get("SetAsDefault"):
        record.default_version = version.number
    record.updated_ms = call.now_ms
    store.put_policy(call.state, record)
    key = ("policy_version", name, version.number)
    call.state.put(key, store.VERSIONS.encode(version))
    return {"PolicyVersion": shapes.wire_version(version, record.default_version)}
