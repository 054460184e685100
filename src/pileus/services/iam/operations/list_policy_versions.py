"""ListPolicyVersions. https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPolicyVersions.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.iam import (
    managed,
    shapes,
    store,
)


@read
def list_policy_versions(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The versions of a managed policy, newest first."""
    arn = request["PolicyArn"]
    record = managed.find(call, arn)
    if record is None:
        version, default = managed.version(call, arn, "v1")
        return {"Versions": [shapes.wire_version(version, default)], "IsTruncated": False}
    rows = call.state.range(("policy_version", store.fold(record.name)), reverse=True)
    versions = [
        shapes.wire_version(store.VERSIONS.decode(raw), record.default_version) for _, raw in rows
    ]
    return {"Versions": versions, "IsTruncated": False}
