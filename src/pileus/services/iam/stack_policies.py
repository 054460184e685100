"""Policies as CloudFormation makes them: inline ones of several identities, and managed ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.kernel.resources import Resource, ResourceRequest, require
from pileus.services.iam.stack_identities import text

Bearers = set[tuple[str, str]]
_LISTS = (("Role", "Roles"), ("User", "Users"), ("Group", "Groups"))


def _bearers(properties: Mapping[str, Any]) -> Bearers:
    return {(kind, name) for kind, many in _LISTS for name in properties.get(many) or ()}


async def _put(call: StreamCall, request: ResourceRequest) -> None:
    name = require(request, "PolicyName")
    document = text(require(request, "PolicyDocument"))
    for kind, bearer in sorted(_bearers(request.properties)):
        put = {f"{kind}Name": bearer, "PolicyName": name, "PolicyDocument": document}
        await call.invoke("iam", f"Put{kind}Policy", put)


async def _take(call: StreamCall, bearers: Bearers, policy: str) -> None:
    for kind, bearer in sorted(bearers):
        await call.invoke(
            "iam", f"Delete{kind}Policy", {f"{kind}Name": bearer, "PolicyName": policy}
        )


async def create_policy(call: StreamCall, request: ResourceRequest) -> Resource:
    """``AWS::IAM::Policy``: an inline policy of every identity it names."""
    await _put(call, request)
    return Resource(request.generated_name())


async def update_policy(call: StreamCall, request: ResourceRequest) -> Resource:
    await _put(call, request)
    old, new = request.old_properties, request.properties
    gone = _bearers(old)
    if old["PolicyName"] == new["PolicyName"]:
        gone -= _bearers(new)
    await _take(call, gone, old["PolicyName"])
    return Resource(request.physical_id)


async def delete_policy(call: StreamCall, request: ResourceRequest) -> None:
    await _take(call, _bearers(request.properties), request.properties["PolicyName"])


async def put_role_policy(call: StreamCall, request: ResourceRequest) -> Resource:
    """``AWS::IAM::RolePolicy``: an inline policy of one role."""
    role, policy = require(request, "RoleName"), require(request, "PolicyName")
    document = text(require(request, "PolicyDocument"))
    put = {"RoleName": role, "PolicyName": policy, "PolicyDocument": document}
    await call.invoke("iam", "PutRolePolicy", put)
    return Resource(f"{policy}|{role}")


async def delete_role_policy(call: StreamCall, request: ResourceRequest) -> None:
    policy, _, role = request.physical_id.partition("|")
    await call.invoke("iam", "DeleteRolePolicy", {"RoleName": role, "PolicyName": policy})


async def create_managed(call: StreamCall, request: ResourceRequest) -> Resource:
    """``AWS::IAM::ManagedPolicy``, attached to the identities it names."""
    properties = request.properties
    wanted = {
        "PolicyName": properties.get("ManagedPolicyName") or request.generated_name(128),
        "PolicyDocument": text(require(request, "PolicyDocument")),
        **{key: properties[key] for key in ("Path", "Description") if key in properties},
    }
    made = (await call.invoke("iam", "CreatePolicy", wanted)).output["Policy"]
    await _align(call, made["Arn"], set(), _bearers(properties))
    return Resource(made["Arn"], {"PolicyArn": made["Arn"], "PolicyId": made["PolicyId"]})


async def update_managed(call: StreamCall, request: ResourceRequest) -> Resource:
    arn = request.physical_id
    document = text(require(request, "PolicyDocument"))
    if document != text(request.old_properties.get("PolicyDocument")):
        listed = await call.invoke("iam", "ListPolicyVersions", {"PolicyArn": arn})
        old = [v["VersionId"] for v in listed.output["Versions"] if not v["IsDefaultVersion"]]
        if len(listed.output["Versions"]) >= 5:
            oldest = {"PolicyArn": arn, "VersionId": old[-1]}
            await call.invoke("iam", "DeletePolicyVersion", oldest)
        new = {"PolicyArn": arn, "PolicyDocument": document, "SetAsDefault": True}
        await call.invoke("iam", "CreatePolicyVersion", new)
    await _align(call, arn, _bearers(request.old_properties), _bearers(request.properties))
    return Resource(arn, request.attributes)


async def delete_managed(call: StreamCall, request: ResourceRequest) -> None:
    arn = request.physical_id
    await _align(call, arn, _bearers(request.properties), set())
    listed = await call.invoke("iam", "ListPolicyVersions", {"PolicyArn": arn})
    for version in listed.output["Versions"]:
        if not version["IsDefaultVersion"]:
            gone = {"PolicyArn": arn, "VersionId": version["VersionId"]}
            await call.invoke("iam", "DeletePolicyVersion", gone)
    await call.invoke("iam", "DeletePolicy", {"PolicyArn": arn})


async def _align(call: StreamCall, arn: str, had: Bearers, wanted: Bearers) -> None:
    for verb, bearers in (("Detach", had - wanted), ("Attach", wanted - had)):
        for kind, name in sorted(bearers):
            about = {f"{kind}Name": name, "PolicyArn": arn}
            await call.invoke("iam", f"{verb}{kind}Policy", about)
