"""Instance profiles as CloudFormation makes them."""

from __future__ import annotations

from pileus.kernel.calls import StreamCall
from pileus.kernel.resources import Resource, ResourceRequest, require


async def _move(call: StreamCall, profile: str, old: list[str], new: list[str]) -> None:
    for verb, roles in (("RemoveRoleFrom", old), ("AddRoleTo", new)):
        for role in roles:
            about = {"InstanceProfileName": profile, "RoleName": role}
            await call.invoke("iam", f"{verb}InstanceProfile", about)


async def create(call: StreamCall, request: ResourceRequest) -> Resource:
    properties = request.properties
    name = properties.get("InstanceProfileName") or request.generated_name(128)
    wanted = {"InstanceProfileName": name}
    if "Path" in properties:
        wanted["Path"] = properties["Path"]
    made = await call.invoke("iam", "CreateInstanceProfile", wanted)
    await _move(call, name, [], list(require(request, "Roles")))
    return Resource(name, {"Arn": made.output["InstanceProfile"]["Arn"]})


async def update(call: StreamCall, request: ResourceRequest) -> Resource:
    old, new = list(request.old_properties["Roles"]), list(require(request, "Roles"))
    if old != new:
        await _move(call, request.physical_id, old, new)
    return Resource(request.physical_id, request.attributes)


async def delete(call: StreamCall, request: ResourceRequest) -> None:
    await _move(call, request.physical_id, list(request.properties["Roles"]), [])
    await call.invoke("iam", "DeleteInstanceProfile", {"InstanceProfileName": request.physical_id})
