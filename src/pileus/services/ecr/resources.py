"""The CloudFormation types of this room.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecr-repository.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import StepCall
from pileus.kernel.resources import Resource, ResourceRequest, ResourceType, completing, declared
from pileus.services.ecr.shapes import tag_map

_GENERATED_LENGTH = 256


def _text(policy: Any) -> str:
    return policy if isinstance(policy, str) else orjson.dumps(policy).decode()


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def _scanning(properties: Mapping[str, Any]) -> dict[str, Any]:
    given = properties.get("ImageScanningConfiguration") or {}
    return {"scanOnPush": _is_true(given.get("ScanOnPush", False))}


def _mutability(properties: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"imageTagMutability": properties.get("ImageTagMutability", "MUTABLE")}
    if filters := properties.get("ImageTagMutabilityExclusionFilters"):
        told["imageTagMutabilityExclusionFilters"] = [
            {
                "filterType": each["ImageTagMutabilityExclusionFilterType"],
                "filter": each["ImageTagMutabilityExclusionFilterValue"],
            }
            for each in filters
        ]
    return told


def _resource(call: StepCall, name: str, uri: str) -> Resource:
    return Resource(name, {"Arn": call.arn(f"repository/{name}"), "RepositoryUri": uri})


async def _create(call: StepCall, request: ResourceRequest) -> Resource:
    properties = request.properties
    name = properties.get("RepositoryName") or request.generated_name(_GENERATED_LENGTH).lower()
    given: dict[str, Any] = {
        "repositoryName": name,
        "imageScanningConfiguration": _scanning(properties),
        "tags": properties.get("Tags") or [],
        **_mutability(properties),
    }
    if encryption := properties.get("EncryptionConfiguration"):
        given["encryptionConfiguration"] = {"encryptionType": encryption["EncryptionType"]}
        if key := encryption.get("KmsKey"):
            given["encryptionConfiguration"]["kmsKey"] = key
    reply = await call.invoke("ecr", "CreateRepository", given)
    resource = _resource(call, name, reply.output["repository"]["repositoryUri"])
    with completing(resource):
        await _set_policies(call, name, properties, {})
    return resource


async def _set_policies(
    call: StepCall, name: str, properties: Mapping[str, Any], old: Mapping[str, Any]
) -> None:
    about = {"repositoryName": name}
    if text := properties.get("RepositoryPolicyText"):
        await call.invoke("ecr", "SetRepositoryPolicy", {**about, "policyText": _text(text)})
    elif old.get("RepositoryPolicyText"):
        await call.invoke("ecr", "DeleteRepositoryPolicy", about)
    lifecycle = (properties.get("LifecyclePolicy") or {}).get("LifecyclePolicyText")
    if lifecycle:
        given = {**about, "lifecyclePolicyText": _text(lifecycle)}
        await call.invoke("ecr", "PutLifecyclePolicy", given)
    elif (old.get("LifecyclePolicy") or {}).get("LifecyclePolicyText"):
        await call.invoke("ecr", "DeleteLifecyclePolicy", about)


async def _update(call: StepCall, request: ResourceRequest) -> Resource:
    name, properties = request.physical_id, request.properties
    about = {"repositoryName": name}
    await call.invoke("ecr", "PutImageTagMutability", {**about, **_mutability(properties)})
    given = {**about, "imageScanningConfiguration": _scanning(properties)}
    await call.invoke("ecr", "PutImageScanningConfiguration", given)
    await _set_policies(call, name, properties, request.old_properties)
    resource = _resource(call, name, request.attributes.get("RepositoryUri", ""))
    arn = resource.attributes["Arn"]
    old, new = tag_map(request.old_properties.get("Tags")), tag_map(properties.get("Tags"))
    if gone := [key for key in old if key not in new]:
        await call.invoke("ecr", "UntagResource", {"resourceArn": arn, "tagKeys": gone})
    if new:
        tags = [{"Key": key, "Value": value} for key, value in new.items()]
        await call.invoke("ecr", "TagResource", {"resourceArn": arn, "tags": tags})
    return resource


async def _delete(call: StepCall, request: ResourceRequest) -> None:
    force = _is_true(request.properties.get("EmptyOnDelete", False))
    given = {"repositoryName": request.physical_id, "force": force}
    await call.invoke("ecr", "DeleteRepository", given)


RESOURCE_TYPES = {
    "AWS::ECR::Repository": ResourceType(
        create=_create,
        update=_update,
        delete=_delete,
        replaced_by=frozenset({"RepositoryName", "EncryptionConfiguration"}),
        taggable="Tags",
        properties=declared(
            "EmptyOnDelete EncryptionConfiguration ImageScanningConfiguration "
            "ImageTagMutability ImageTagMutabilityExclusionFilters LifecyclePolicy "
            "RepositoryName RepositoryPolicyText Tags",
        ),
    )
}
"""Types by name."""
