"""DeletePolicy. https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicy.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    errors,
    managed,
    store,
)


@write
def delete_policy(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Delete a managed policy that is attached nowhere and has one version."""
    arn = request["PolicyArn"]
    record = managed.own(call, arn)
    name = store.fold(record.name)
    if call.state.count(("bearer", arn)) or managed.boundary_users(call, arn):
        raise errors.is_attached()
    if call.state.count(("policy_version", name)) > 1:
        raise errors.has_versions()
    call.state.delete(("policy", name))
    call.state.delete_range(("policy_version", name))
