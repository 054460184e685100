"""ListEntitiesForPolicy. https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListEntitiesForPolicy.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.iam import (
    aws_managed,
    errors,
    managed,
    store,
)


@read
def list_entities_for_policy(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Roles, users and groups that have a managed policy."""
    arn = request["PolicyArn"]
    if managed.find(call, arn) is None and not aws_managed.is_aws_managed(arn):
        raise errors.no_such_policy(arn)
    wanted = request.get("EntityFilter")
    usage = request.get("PolicyUsageFilter") or "PermissionsPolicy"
    prefix = request.get("PathPrefix") or "/"
    found = managed.boundary_users(call, arn)
    if usage == "PermissionsPolicy":
        found = store.bearers(call.state, arn)
    records = [store.identity(call.state, kind, name) for kind, name in sorted(found)]
    records = [
        record
        for record in records
        if record.path.startswith(prefix) and wanted in (None, record.kind.capitalize())
    ]
    rows, paging = store.cut(records, request, lambda record: f"{record.kind}/{record.name}")
    output: dict[str, Any] = {"PolicyGroups": [], "PolicyUsers": [], "PolicyRoles": [], **paging}
    for record in rows:
        kind = record.kind.capitalize()
        output[f"Policy{kind}s"].append({f"{kind}Name": record.name, f"{kind}Id": record.id})
    return output
