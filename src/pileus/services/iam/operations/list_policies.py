"""ListPolicies. https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPolicies.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.iam import (
    managed,
    store,
)


@read
def list_policies(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Managed policies of a scope."""
    prefix = request.get("PathPrefix") or "/"
    usage = request.get("PolicyUsageFilter")
    rows = [
        policy
        for policy in managed.listed(call, request.get("Scope") or "All")
        if policy["Path"].startswith(prefix)
        and (not request.get("OnlyAttached") or policy["AttachmentCount"])
        and (usage != "PermissionsBoundary" or policy["PermissionsBoundaryUsageCount"])
    ]
    policies, paging = store.cut(rows, request, lambda policy: policy["Arn"])
    return {"Policies": policies, **paging}
