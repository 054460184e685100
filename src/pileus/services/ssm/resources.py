"""The CloudFormation type of this room.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ssm-parameter.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.kernel.resources import Resource, ResourceRequest, ResourceType, declared, require

_COPIED = ("Type", "Value", "Description", "AllowedPattern", "Tier", "Policies", "DataType")


def _input(request: ResourceRequest, name: str) -> dict[str, Any]:
    require(request, "Type")
    require(request, "Value")
    properties = request.properties
    return {"Name": name, **{key: str(properties[key]) for key in _COPIED if key in properties}}


def _tags(properties: Mapping[str, Any]) -> list[dict[str, str]]:
    tags = properties.get("Tags") or {}
    return [{"Key": key, "Value": str(value)} for key, value in tags.items()]


def _resource(request: ResourceRequest, name: str) -> Resource:
    properties = request.properties
    return Resource(name, {"Type": properties["Type"], "Value": str(properties["Value"])})


async def _create(call: StreamCall, request: ResourceRequest) -> Resource:
    name = request.properties.get("Name") or f"CFN-{request.generated_name()}"
    wanted = _input(request, name)
    if tags := _tags(request.properties):
        wanted["Tags"] = tags
    await call.invoke("ssm", "PutParameter", wanted)
    return _resource(request, name)


async def _update(call: StreamCall, request: ResourceRequest) -> Resource:
    name = request.physical_id
    await call.invoke("ssm", "PutParameter", {**_input(request, name), "Overwrite": True})
    about = {"ResourceType": "Parameter", "ResourceId": name}
    old, new = _tags(request.old_properties), _tags(request.properties)
    kept = {tag["Key"] for tag in new}
    if gone := [tag["Key"] for tag in old if tag["Key"] not in kept]:
        await call.invoke("ssm", "RemoveTagsFromResource", {**about, "TagKeys": gone})
    if new:
        await call.invoke("ssm", "AddTagsToResource", {**about, "Tags": new})
    return _resource(request, name)


async def _delete(call: StreamCall, request: ResourceRequest) -> None:
    await call.invoke("ssm", "DeleteParameter", {"Name": request.physical_id})


RESOURCE_TYPES = {
    "AWS::SSM::Parameter": ResourceType(
        create=_create,
        update=_update,
        delete=_delete,
        replaced_by=frozenset({"Name", "Type"}),
        properties=declared(
            "AllowedPattern DataType Description Name Policies Tags Tier Type Value",
        ),
    )
}
