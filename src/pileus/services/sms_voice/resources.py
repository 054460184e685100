"""The CloudFormation type of this room.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-smsvoice-phonenumber.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.kernel.resources import Resource, ResourceRequest, ResourceType, completing, declared

_SERVICE = "pinpoint-sms-voice-v2"


def _two_way(properties: Mapping[str, Any]) -> dict[str, Any]:
    two_way = properties.get("TwoWay") or {}
    wire: dict[str, Any] = {"TwoWayEnabled": str(two_way.get("Enabled", False)).lower() == "true"}
    if "ChannelArn" in two_way:
        wire["TwoWayChannelArn"] = two_way["ChannelArn"]
    if "ChannelRole" in two_way:
        wire["TwoWayChannelRole"] = two_way["ChannelRole"]
    return wire


def _resource(output: Mapping[str, Any]) -> Resource:
    number = output["PhoneNumber"]
    attributes = {"Arn": output["PhoneNumberArn"], "PhoneNumber": number}
    return Resource(
        output["PhoneNumberId"], {**attributes, "PhoneNumberId": output["PhoneNumberId"]}
    )


async def _create(call: StreamCall, request: ResourceRequest) -> Resource:
    properties = request.properties
    reply = await call.invoke(
        _SERVICE,
        "RequestPhoneNumber",
        {
            "IsoCountryCode": properties["IsoCountryCode"],
            "MessageType": "TRANSACTIONAL",
            "NumberCapabilities": list(properties["NumberCapabilities"]),
            "NumberType": properties["NumberType"],
            "Tags": list(properties.get("Tags") or ()),
        },
    )
    output = reply.output
    if properties.get("TwoWay"):
        given = {"PhoneNumberId": output["PhoneNumberId"], **_two_way(properties)}
        with completing(_resource(output)):
            output = (await call.invoke(_SERVICE, "UpdatePhoneNumber", given)).output
    return _resource(output)


async def _update(call: StreamCall, request: ResourceRequest) -> Resource:
    given = {"PhoneNumberId": request.physical_id, **_two_way(request.properties)}
    return _resource((await call.invoke(_SERVICE, "UpdatePhoneNumber", given)).output)


async def _delete(call: StreamCall, request: ResourceRequest) -> None:
    await call.invoke(_SERVICE, "ReleasePhoneNumber", {"PhoneNumberId": request.physical_id})


RESOURCE_TYPES = {
    "AWS::SMSVOICE::PhoneNumber": ResourceType(
        create=_create,
        update=_update,
        delete=_delete,
        replaced_by=frozenset({"IsoCountryCode", "NumberType", "NumberCapabilities"}),
        taggable="Tags",
        properties=declared(
            "IsoCountryCode NumberCapabilities NumberType Tags TwoWay",
            ignored="DeletionProtectionEnabled MandatoryKeywords OptOutListName OptionalKeywords "
            "SelfManagedOptOutsEnabled",
        ),
    )
}
