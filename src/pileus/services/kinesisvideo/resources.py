"""The CloudFormation types of this room.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kinesisvideo-stream.html
"""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.kernel.resources import Resource, ResourceRequest, ResourceType, declared
from pileus.values.errors import ServiceError

_COPIED = ("DeviceName", "KmsKeyId", "MediaType")


async def _create(call: StreamCall, request: ResourceRequest) -> Resource:
    given = request.properties
    name = given.get("Name") or request.generated_name(64)
    made: dict[str, Any] = {"StreamName": name}
    made |= {each: given[each] for each in _COPIED if given.get(each)}
    made["DataRetentionInHours"] = int(given.get("DataRetentionInHours") or 0)
    made["Tags"] = {each["Key"]: each["Value"] for each in given.get("Tags") or ()}
    reply = await call.invoke("kinesisvideo", "CreateStream", made)
    return Resource(name, {"Arn": reply.output["StreamARN"]})


async def _update(call: StreamCall, request: ResourceRequest) -> Resource:
    name, given, before = request.physical_id, request.properties, request.old_properties
    info = (await call.invoke("kinesisvideo", "DescribeStream", {"StreamName": name})).output
    told = info["StreamInfo"]
    changed = {
        each: given.get(each) or ""
        for each in ("DeviceName", "MediaType")
        if given.get(each) != before.get(each)
    }
    if changed:
        changed |= {"StreamName": name, "CurrentVersion": told["Version"]}
        await call.invoke("kinesisvideo", "UpdateStream", changed)
        info = (await call.invoke("kinesisvideo", "DescribeStream", {"StreamName": name})).output
        told = info["StreamInfo"]
    more_h = int(given.get("DataRetentionInHours") or 0) - told["DataRetentionInHours"]
    if more_h:
        verb = "INCREASE" if more_h > 0 else "DECREASE"
        wanted = {
            "StreamName": name,
            "CurrentVersion": told["Version"],
            "Operation": f"{verb}_DATA_RETENTION",
            "DataRetentionChangeInHours": abs(more_h),
        }
        await call.invoke("kinesisvideo", "UpdateDataRetention", wanted)
    return Resource(name, {"Arn": told["StreamARN"]})


async def _delete(call: StreamCall, request: ResourceRequest) -> None:
    given = {"StreamName": request.physical_id}
    try:
        told = (await call.invoke("kinesisvideo", "DescribeStream", given)).output["StreamInfo"]
        await call.invoke("kinesisvideo", "DeleteStream", {"StreamARN": told["StreamARN"]})
    except ServiceError as error:
        if error.code != "ResourceNotFoundException":
            raise


RESOURCE_TYPES = {
    "AWS::KinesisVideo::Stream": ResourceType(
        create=_create,
        update=_update,
        delete=_delete,
        replaced_by=frozenset({"Name", "KmsKeyId"}),
        properties=declared(
            "DataRetentionInHours DeviceName KmsKeyId MediaType Name Tags",
            ignored="StreamStorageConfiguration",
        ),
    ),
}
