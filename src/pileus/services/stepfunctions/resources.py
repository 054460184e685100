"""The CloudFormation types of this room.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_StepFunctions.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import StepCall
from pileus.kernel.resources import (
    Resource,
    ResourceRequest,
    ResourceType,
    completing,
    declared,
    require,
    tags_gone,
)
from pileus.services.stepfunctions.model import STANDARD
from pileus.values.arns import Arn
from pileus.values.errors import ServiceError

_PLACE = re.compile(r"\$\{([A-Za-z0-9_]+)\}")
_ACTIVITY_NAME_MAX = _MACHINE_NAME_MAX = 80


def _definition(properties: Mapping[str, Any]) -> str:
    """The definition with its ``${places}`` filled in."""
    given = [name for name in ("Definition", "DefinitionString") if name in properties]
    if len(given) != 1:
        raise ServiceError(
            "ValidationError",
            "Exactly one of Definition, DefinitionString and DefinitionS3Location is required.",
        )
    value = properties[given[0]]
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    known = properties.get("DefinitionSubstitutions") or {}

    def filled(found: re.Match[str]) -> str:
        if found[1] not in known:
            return found[0]
        chosen = known[found[1]]
        return chosen if isinstance(chosen, str) else orjson.dumps(chosen).decode()

    return _PLACE.sub(filled, text)


def _lowered(value: Any) -> Any:
    """Members of the API begin with a small letter, those of a template with a capital."""
    if isinstance(value, list):
        return [_lowered(each) for each in value]
    if isinstance(value, Mapping):
        return {name[:1].lower() + name[1:]: _lowered(each) for name, each in value.items()}
    return value


def _is_true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


def _settings(properties: Mapping[str, Any]) -> dict[str, Any]:
    wire: dict[str, Any] = {}
    for name in ("LoggingConfiguration", "TracingConfiguration", "EncryptionConfiguration"):
        if name in properties:
            wire[name[:1].lower() + name[1:]] = _lowered(properties[name])
    for member, switch in (
        ("loggingConfiguration", "includeExecutionData"),
        ("tracingConfiguration", "enabled"),
    ):
        if switch in wire.get(member, {}):
            wire[member][switch] = _is_true(wire[member][switch])
    period = "kmsDataKeyReusePeriodSeconds"
    if period in wire.get("encryptionConfiguration", {}):
        wire["encryptionConfiguration"][period] = int(wire["encryptionConfiguration"][period])
    return wire


def _tags(request: ResourceRequest) -> list[dict[str, str]]:
    return [_lowered(tag) for tag in request.properties.get("Tags") or ()]


def _machine(call: StepCall, arn: str, revision_id: str) -> Resource:
    name = Arn.parse(arn).resource.rpartition(":")[2]
    attributes = {"Arn": arn, "Name": name, "StateMachineRevisionId": revision_id}
    return Resource(arn, attributes)


async def _create_machine(call: StepCall, request: ResourceRequest) -> Resource:
    properties = request.properties
    wire = {
        "name": properties.get("StateMachineName") or request.generated_name(_MACHINE_NAME_MAX),
        "definition": _definition(properties),
        "roleArn": require(request, "RoleArn"),
        "type": properties.get("StateMachineType") or STANDARD,
        "tags": _tags(request),
        **_settings(properties),
    }
    reply = await call.invoke("stepfunctions", "CreateStateMachine", wire)
    return _machine(call, reply.output["stateMachineArn"], "INITIAL")


async def _update_machine(call: StepCall, request: ResourceRequest) -> Resource:
    properties, arn = request.properties, request.physical_id
    wire = {
        "stateMachineArn": arn,
        "definition": _definition(properties),
        "roleArn": require(request, "RoleArn"),
        **_settings(properties),
    }
    reply = await call.invoke("stepfunctions", "UpdateStateMachine", wire)
    await _change_tags(call, request)
    return _machine(call, arn, reply.output["revisionId"])


async def _change_tags(call: StepCall, request: ResourceRequest) -> None:
    about = {"resourceArn": request.physical_id}
    if gone := tags_gone(request):
        await call.invoke("stepfunctions", "UntagResource", {**about, "tagKeys": gone})
    if tags := _tags(request):
        await call.invoke("stepfunctions", "TagResource", {**about, "tags": tags})


async def _delete_machine(call: StepCall, request: ResourceRequest) -> None:
    given = {"stateMachineArn": request.physical_id}
    await call.invoke("stepfunctions", "DeleteStateMachine", given)


async def _create_activity(call: StepCall, request: ResourceRequest) -> Resource:
    name = request.properties.get("Name") or request.generated_name(_ACTIVITY_NAME_MAX)
    wire = {"name": name, "tags": _tags(request)}
    reply = await call.invoke("stepfunctions", "CreateActivity", wire)
    arn = reply.output["activityArn"]
    return Resource(arn, {"Arn": arn, "Name": name})


async def _update_activity(call: StepCall, request: ResourceRequest) -> Resource:
    made = Resource(request.physical_id, request.attributes)
    with completing(made):
        await _change_tags(call, request)
    return made


async def _delete_activity(call: StepCall, request: ResourceRequest) -> None:
    given = {"activityArn": request.physical_id}
    await call.invoke("stepfunctions", "DeleteActivity", given)


RESOURCE_TYPES: dict[str, ResourceType] = {
    "AWS::StepFunctions::StateMachine": ResourceType(
        create=_create_machine,
        update=_update_machine,
        delete=_delete_machine,
        replaced_by=frozenset({"StateMachineName", "StateMachineType"}),
        taggable="Tags",
        properties=declared(
            "Definition DefinitionString DefinitionSubstitutions RoleArn StateMachineName "
            "StateMachineType Tags",
            ignored="LoggingConfiguration TracingConfiguration EncryptionConfiguration",
            refused="DefinitionS3Location",
        ),
    ),
    "AWS::StepFunctions::Activity": ResourceType(
        create=_create_activity,
        update=_update_activity,
        delete=_delete_activity,
        replaced_by=frozenset({"Name"}),
        taggable="Tags",
        properties=declared("Name Tags", ignored="EncryptionConfiguration"),
    ),
}
