"""Policies that let services write logs: kept and shown.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutResourcePolicy.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.languages.iam_policy import MalformedPolicy, parse_policy
from pileus.services.logs import errors, store
from pileus.services.logs.limits import LIMITS
from pileus.services.logs.model import ResourcePolicy


@write
def put_resource_policy(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Add or replace one of the region's ten policies."""
    if request.get("resourceArn"):
        raise errors.unsupported("resource policies of single log groups")
    name, document = request.get("policyName") or "", request.get("policyDocument") or ""
    try:
        parse_policy(document, "resource")
    except MalformedPolicy as problem:
        raise errors.invalid_policy(problem.message) from problem
    key = ("policy", name)
    is_new = call.state.get(key) is None
    if is_new and call.state.count(("policy",)) >= LIMITS.resource_policies_max:
        raise errors.limit_exceeded()
    policy = ResourcePolicy(name=name, document=document, updated_ms=call.now_ms)
    call.state.put(key, store.RESOURCE_POLICIES.encode(policy))
    return {"resourcePolicy": _shown(policy)}


@read
def describe_resource_policies(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Every policy: there are ten at most, so one page holds them."""
    rows = call.state.range(("policy",))
    return {"resourcePolicies": [_shown(store.RESOURCE_POLICIES.decode(raw)) for _, raw in rows]}


@write
def delete_resource_policy(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove a policy."""
    key = ("policy", request.get("policyName") or "")
    if call.state.get(key) is None:
        raise errors.policy_not_found(request.get("policyName") or "")
    call.state.delete(key)


def _shown(policy: ResourcePolicy) -> dict[str, Any]:
    return {
        "policyName": policy.name,
        "policyDocument": policy.document,
        "lastUpdatedTime": policy.updated_ms,
    }
