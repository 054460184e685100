"""DeletePolicyVersion. https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicyVersion.html"""

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
def delete_policy_version(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Delete a version that is not the default one."""
    record = managed.own(call, request["PolicyArn"])
    version, default = managed.version(call, request["PolicyArn"], request["VersionId"])
    if version.number == default:
        raise errors.is_default_version()
    call.state.delete(("policy_version", store.fold(record.name), version.number))
