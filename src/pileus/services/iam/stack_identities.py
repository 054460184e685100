"""Roles, users and groups as CloudFormation makes them, with their policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import StreamCall
from pileus.kernel.resources import Resource, ResourceRequest, completing, require

Properties = Mapping[str, Any]
_COPIED = {
    "role": ("Path", "Description", "MaxSessionDuration", "PermissionsBoundary", "Tags"),
    "user": ("Path", "PermissionsBoundary", "Tags"),
    "group": ("Path",),
}


def text(document: Any) -> str:
    """A policy document of a template as JSON."""
    return document if isinstance(document, str) else orjson.dumps(document).decode()


async def _create(call: StreamCall, kind: str, request: ResourceRequest) -> Resource:
    """Create the identity, then give it what belongs to it."""
    title, properties = kind.capitalize(), request.properties
    name = properties.get(f"{title}Name") or request.generated_name(128 if kind == "group" else 64)
    wanted = {key: properties[key] for key in _COPIED[kind] if key in properties}
    if "MaxSessionDuration" in wanted:
        wanted["MaxSessionDuration"] = int(wanted["MaxSessionDuration"])
    if kind == "role":
        wanted["AssumeRolePolicyDocument"] = text(require(request, "AssumeRolePolicyDocument"))
    about = {f"{title}Name": name}
    identity = (await call.invoke("iam", f"Create{title}", {**about, **wanted})).output[title]
    attributes = {"Arn": identity["Arn"]}
    if kind == "role":
        attributes["RoleId"] = identity["RoleId"]
    made = Resource(name, attributes)
    with completing(made):
        await _align_policies(call, kind, name, {}, properties)
    return made


async def _update(call: StreamCall, kind: str, request: ResourceRequest) -> Resource:
    """Align everything that may change in place."""
    title, name, about = kind.capitalize(), request.physical_id, f"{kind.capitalize()}Name"
    old, new = request.old_properties, request.properties
    await _align_policies(call, kind, name, old, new)
    if kind != "group":
        await _align_boundary(call, title, name, old, new)
        await align_tags(call, title, {about: name}, old, new)
    return Resource(name, request.attributes)


async def _delete(call: StreamCall, kind: str, request: ResourceRequest) -> None:
    """Take away what the stack gave, then the identity."""
    title = kind.capitalize()
    about, given = {f"{title}Name": request.physical_id}, request.properties
    # Only what is there: a create may have stopped half way, a user may have taken some away.
    inline = set((await call.invoke("iam", f"List{title}Policies", about)).output["PolicyNames"])
    for name in sorted(inline & {policy["PolicyName"] for policy in given.get("Policies") or ()}):
        await call.invoke("iam", f"Delete{title}Policy", {**about, "PolicyName": name})
    listed = await call.invoke("iam", f"ListAttached{title}Policies", about)
    attached = {policy["PolicyArn"] for policy in listed.output["AttachedPolicies"]}
    for arn in sorted(attached & set(given.get("ManagedPolicyArns") or ())):
        await call.invoke("iam", f"Detach{title}Policy", {**about, "PolicyArn": arn})
    await call.invoke("iam", f"Delete{title}", about)


async def _align_policies(
    call: StreamCall, kind: str, name: str, old: Properties, new: Properties
) -> None:
    """Inline and attached policies as ``new`` has them, where ``old`` was."""
    title = kind.capitalize()
    about = {f"{title}Name": name}
    inline = {policy["PolicyName"]: policy for policy in new.get("Policies") or ()}
    for policy in old.get("Policies") or ():
        if policy["PolicyName"] not in inline:
            gone = {**about, "PolicyName": policy["PolicyName"]}
            await call.invoke("iam", f"Delete{title}Policy", gone)
    for policy in inline.values():
        document = text(policy["PolicyDocument"])
        put = {**about, "PolicyName": policy["PolicyName"], "PolicyDocument": document}
        await call.invoke("iam", f"Put{title}Policy", put)
    had, wanted = (set(each.get("ManagedPolicyArns") or ()) for each in (old, new))
    for arn in sorted(had - wanted):
        await call.invoke("iam", f"Detach{title}Policy", {**about, "PolicyArn": arn})
    for arn in sorted(wanted - had):
        await call.invoke("iam", f"Attach{title}Policy", {**about, "PolicyArn": arn})


async def _align_boundary(
    call: StreamCall, title: str, name: str, old: Properties, new: Properties
) -> None:
    about, boundary = {f"{title}Name": name}, new.get("PermissionsBoundary")
    if boundary == old.get("PermissionsBoundary"):
        return
    if boundary:
        put = {**about, "PermissionsBoundary": boundary}
        await call.invoke("iam", f"Put{title}PermissionsBoundary", put)
    else:
        await call.invoke("iam", f"Delete{title}PermissionsBoundary", about)


async def align_tags(
    call: StreamCall, title: str, about: Properties, old: Properties, new: Properties
) -> None:
    """Tags as ``new`` has them, where ``old`` was."""
    kept = {tag["Key"] for tag in new.get("Tags") or ()}
    if gone := [tag["Key"] for tag in old.get("Tags") or () if tag["Key"] not in kept]:
        await call.invoke("iam", f"Untag{title}", {**about, "TagKeys": gone})
    if kept:
        await call.invoke("iam", f"Tag{title}", {**about, "Tags": new["Tags"]})


async def create_role(call: StreamCall, request: ResourceRequest) -> Resource:
    return await _create(call, "role", request)


async def update_role(call: StreamCall, request: ResourceRequest) -> Resource:
    about, new = {"RoleName": request.physical_id}, request.properties
    trust = text(require(request, "AssumeRolePolicyDocument"))
    await call.invoke("iam", "UpdateAssumeRolePolicy", {**about, "PolicyDocument": trust})
    changed = {
        "Description": str(new.get("Description") or ""),
        "MaxSessionDuration": int(new.get("MaxSessionDuration") or 3600),
    }
    await call.invoke("iam", "UpdateRole", {**about, **changed})
    return await _update(call, "role", request)


async def delete_role(call: StreamCall, request: ResourceRequest) -> None:
    await _delete(call, "role", request)


async def create_user(call: StreamCall, request: ResourceRequest) -> Resource:
    made = await _create(call, "user", request)
    with completing(made):
        await _align_groups(call, made.physical_id, {}, request.properties)
    return made


async def update_user(call: StreamCall, request: ResourceRequest) -> Resource:
    await _align_groups(call, request.physical_id, request.old_properties, request.properties)
    return await _update(call, "user", request)


async def delete_user(call: StreamCall, request: ResourceRequest) -> None:
    await _align_groups(call, request.physical_id, request.properties, {})
    await _delete(call, "user", request)


async def _align_groups(call: StreamCall, user: str, old: Properties, new: Properties) -> None:
    had, wanted = (set(each.get("Groups") or ()) for each in (old, new))
    for group in sorted(had - wanted):
        await call.invoke("iam", "RemoveUserFromGroup", {"UserName": user, "GroupName": group})
    for group in sorted(wanted - had):
        await call.invoke("iam", "AddUserToGroup", {"UserName": user, "GroupName": group})


async def create_group(call: StreamCall, request: ResourceRequest) -> Resource:
    return await _create(call, "group", request)


async def update_group(call: StreamCall, request: ResourceRequest) -> Resource:
    return await _update(call, "group", request)


async def delete_group(call: StreamCall, request: ResourceRequest) -> None:
    await _delete(call, "group", request)
