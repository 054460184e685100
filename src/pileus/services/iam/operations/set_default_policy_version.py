"""SetDefaultPolicyVersion. https://docs.aws.amazon.com/IAM/latest/APIReference/API_SetDefaultPolicyVersion.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    managed,
    store,
)


@write
def set_default_policy_version(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Choose the version that is in force."""
    record = managed.own(call, request["PolicyArn"])
    version, _ = managed.version(call, request["PolicyArn"], request["VersionId"])
    record.default_version = version.number
    record.updated_ms = call.now_ms
    store.put_policy(call.state, record)
