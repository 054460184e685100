"""The CloudFormation types of this room.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Events.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import StreamCall
from pileus.kernel.resources import (
    Resource,
    ResourceRequest,
    ResourceType,
    completing,
    declared,
    tags_gone,
)

_RULE_MEMBERS = ("Description", "ScheduleExpression", "State", "EventBusName", "RoleArn")
_NUMBERS = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _target(target: Mapping[str, Any]) -> dict[str, Any]:
    wire = dict(target)
    if "Input" in wire:
        wire["Input"] = _text(wire["Input"])
    if "RetryPolicy" in wire:
        wire["RetryPolicy"] = {k: int(v) for k, v in wire["RetryPolicy"].items() if k in _NUMBERS}
    return wire


async def _create_rule(call: StreamCall, request: ResourceRequest) -> Resource:
    name = request.properties.get("Name") or request.generated_name(64)
    reply = await call.invoke("events", "PutRule", _rule(request, name))
    made = Resource(_physical_id(request, name), {"Arn": reply.output["RuleArn"]})
    with completing(made):
        await _put_targets(call, request, name)
    return made


async def _update_rule(call: StreamCall, request: ResourceRequest) -> Resource:
    name = request.physical_id.rpartition("|")[2]
    reply = await call.invoke("events", "PutRule", _rule(request, name))
    await _put_targets(call, request, name)
    return Resource(request.physical_id, {"Arn": reply.output["RuleArn"]})


def _rule(request: ResourceRequest, name: str) -> dict[str, Any]:
    properties = request.properties
    wire = {member: properties[member] for member in _RULE_MEMBERS if member in properties}
    if "EventPattern" in properties:
        wire["EventPattern"] = _text(properties["EventPattern"])
    return {"Name": name, **wire}


def _physical_id(request: ResourceRequest, name: str) -> str:
    bus = (request.properties.get("EventBusName") or "default").rpartition("/")[2]
    return name if bus == "default" else f"{bus}|{name}"


async def _put_targets(call: StreamCall, request: ResourceRequest, name: str) -> None:
    where = {"Rule": name, "EventBusName": request.properties.get("EventBusName") or "default"}
    targets = [_target(target) for target in request.properties.get("Targets") or ()]
    kept = {target["Id"] for target in targets}
    old = [target["Id"] for target in request.old_properties.get("Targets") or ()]
    if gone := [target_id for target_id in old if target_id not in kept]:
        await call.invoke("events", "RemoveTargets", {**where, "Ids": gone})
    if targets:
        await call.invoke("events", "PutTargets", {**where, "Targets": targets})


async def _delete_rule(call: StreamCall, request: ResourceRequest) -> None:
    bus = request.properties.get("EventBusName") or "default"
    name = request.physical_id.rpartition("|")[2]
    where = {"Rule": name, "EventBusName": bus}
    found = await call.invoke("events", "ListTargetsByRule", where)
    if ids := [target["Id"] for target in found.output["Targets"]]:
        await call.invoke("events", "RemoveTargets", {**where, "Ids": ids})
    await call.invoke("events", "DeleteRule", {"Name": name, "EventBusName": bus})


async def _create_bus(call: StreamCall, request: ResourceRequest) -> Resource:
    wire = {
        k: request.properties[k]
        for k in ("Name", "Description", "Tags", "DeadLetterConfig")
        if k in request.properties
    }
    reply = await call.invoke("events", "CreateEventBus", wire)
    return _bus(request, reply.output["EventBusArn"])


def _bus(request: ResourceRequest, arn: str) -> Resource:
    name = request.properties["Name"]
    return Resource(name, {"Arn": arn, "Name": name, "Policy": ""})


async def _update_bus(call: StreamCall, request: ResourceRequest) -> Resource:
    wire = {
        k: request.properties[k]
        for k in ("Name", "Description", "DeadLetterConfig")
        if k in request.properties
    }
    reply = await call.invoke("events", "UpdateEventBus", wire)
    where = {"ResourceARN": reply.output["Arn"]}
    if gone := tags_gone(request):
        await call.invoke("events", "UntagResource", {**where, "TagKeys": gone})
    if tags := request.properties.get("Tags"):
        await call.invoke("events", "TagResource", {**where, "Tags": list(tags)})
    return _bus(request, reply.output["Arn"])


async def _delete_bus(call: StreamCall, request: ResourceRequest) -> None:
    await call.invoke("events", "DeleteEventBus", {"Name": request.physical_id})


def _archive(request: ResourceRequest) -> dict[str, Any]:
    properties = request.properties
    wire: dict[str, Any] = {
        "ArchiveName": request.physical_id
        or properties.get("ArchiveName")
        or request.generated_name(48)
    }
    for name in ("Description", "RetentionDays"):
        if name in properties:
            wire[name] = properties[name]
    if "EventPattern" in properties:
        wire["EventPattern"] = _text(properties["EventPattern"])
    return wire


async def _create_archive(call: StreamCall, request: ResourceRequest) -> Resource:
    wire = {**_archive(request), "EventSourceArn": request.properties["SourceArn"]}
    reply = await call.invoke("events", "CreateArchive", wire)
    return Resource(wire["ArchiveName"], {"Arn": reply.output["ArchiveArn"]})


async def _update_archive(call: StreamCall, request: ResourceRequest) -> Resource:
    reply = await call.invoke("events", "UpdateArchive", _archive(request))
    return Resource(request.physical_id, {"Arn": reply.output["ArchiveArn"]})


async def _delete_archive(call: StreamCall, request: ResourceRequest) -> None:
    await call.invoke("events", "DeleteArchive", {"ArchiveName": request.physical_id})


RESOURCE_TYPES = {
    "AWS::Events::Rule": ResourceType(
        create=_create_rule,
        update=_update_rule,
        delete=_delete_rule,
        replaced_by=frozenset({"Name", "EventBusName"}),
        properties=declared(
            "Description EventBusName EventPattern Name RoleArn ScheduleExpression State Tags "
            "Targets",
        ),
    ),
    "AWS::Events::EventBus": ResourceType(
        create=_create_bus,
        update=_update_bus,
        delete=_delete_bus,
        replaced_by=frozenset({"Name"}),
        taggable="Tags",
        properties=declared(
            "DeadLetterConfig Description Name Policy Tags",
            ignored="KmsKeyIdentifier LogConfig",
            refused="EventSourceName",
        ),
    ),
    "AWS::Events::Archive": ResourceType(
        create=_create_archive,
        update=_update_archive,
        delete=_delete_archive,
        replaced_by=frozenset({"ArchiveName", "SourceArn"}),
        properties=declared(
            "ArchiveName Description EventPattern RetentionDays SourceArn",
            ignored="KmsKeyIdentifier",
        ),
    ),
}
