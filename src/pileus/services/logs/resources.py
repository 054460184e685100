"""The CloudFormation types of this room.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Logs.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.kernel.resources import (
    Resource,
    ResourceRequest,
    ResourceType,
    completing,
    declared,
    require,
)


def _tags(properties: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: str(tag["Value"]) for tag in properties.get("Tags") or ()}


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def _group(call: StreamCall, name: str) -> Resource:
    return Resource(name, {"Arn": call.arn(f"log-group:{name}:*")})


async def _create_group(call: StreamCall, request: ResourceRequest) -> Resource:
    properties = request.properties
    name = properties.get("LogGroupName") or request.generated_name(512)
    wanted: dict[str, Any] = {"logGroupName": name}
    if tags := _tags(properties):
        wanted["tags"] = tags
    for member, key in (("kmsKeyId", "KmsKeyId"), ("logGroupClass", "LogGroupClass")):
        if key in properties:
            wanted[member] = properties[key]
    if _is_true(properties.get("DeletionProtectionEnabled", False)):
        wanted["deletionProtectionEnabled"] = True
    await call.invoke("logs", "CreateLogGroup", wanted)
    made = _group(call, name)
    with completing(made):
        await _align_retention(call, name, properties)
    return made


async def _align_retention(call: StreamCall, name: str, properties: Mapping[str, Any]) -> None:
    about = {"logGroupName": name}
    if days := properties.get("RetentionInDays"):
        await call.invoke("logs", "PutRetentionPolicy", {**about, "retentionInDays": int(days)})
    else:
        await call.invoke("logs", "DeleteRetentionPolicy", about)


async def _update_group(call: StreamCall, request: ResourceRequest) -> Resource:
    name = request.physical_id
    await _align_retention(call, name, request.properties)
    is_protected = _is_true(request.properties.get("DeletionProtectionEnabled", False))
    await call.invoke(
        "logs",
        "PutLogGroupDeletionProtection",
        {"logGroupIdentifier": name, "deletionProtectionEnabled": is_protected},
    )
    old, new = _tags(request.old_properties), _tags(request.properties)
    arn = call.arn(f"log-group:{name}")
    if gone := [key for key in old if key not in new]:
        await call.invoke("logs", "UntagResource", {"resourceArn": arn, "tagKeys": gone})
    if new:
        await call.invoke("logs", "TagResource", {"resourceArn": arn, "tags": new})
    return _group(call, name)


async def _delete_group(call: StreamCall, request: ResourceRequest) -> None:
    await call.invoke("logs", "DeleteLogGroup", {"logGroupName": request.physical_id})


async def _create_stream(call: StreamCall, request: ResourceRequest) -> Resource:
    name = request.properties.get("LogStreamName") or request.generated_name(512)
    about = {"logGroupName": require(request, "LogGroupName"), "logStreamName": name}
    await call.invoke("logs", "CreateLogStream", about)
    return Resource(name)


async def _delete_stream(call: StreamCall, request: ResourceRequest) -> None:
    group = request.properties["LogGroupName"]
    about = {"logGroupName": group, "logStreamName": request.physical_id}
    await call.invoke("logs", "DeleteLogStream", about)


async def _put_subscription(call: StreamCall, request: ResourceRequest) -> Resource:
    properties = request.properties
    name = request.physical_id or properties.get("FilterName") or request.generated_name(512)
    wanted = {
        "logGroupName": require(request, "LogGroupName"),
        "filterName": name,
        "filterPattern": properties.get("FilterPattern") or "",
        "destinationArn": require(request, "DestinationArn"),
    }
    for member, key in (("roleArn", "RoleArn"), ("distribution", "Distribution")):
        if key in properties:
            wanted[member] = properties[key]
    await call.invoke("logs", "PutSubscriptionFilter", wanted)
    return Resource(name)


async def _delete_subscription(call: StreamCall, request: ResourceRequest) -> None:
    group = request.properties["LogGroupName"]
    about = {"logGroupName": group, "filterName": request.physical_id}
    await call.invoke("logs", "DeleteSubscriptionFilter", about)


async def _put_metric_filter(call: StreamCall, request: ResourceRequest) -> Resource:
    properties = request.properties
    name = request.physical_id or properties.get("FilterName") or request.generated_name(512)
    wanted: dict[str, Any] = {
        "logGroupName": require(request, "LogGroupName"),
        "filterName": name,
        "filterPattern": properties.get("FilterPattern") or "",
        "metricTransformations": [
            _transformation(each) for each in require(request, "MetricTransformations")
        ],
    }
    for member, key in (
        ("applyOnTransformedLogs", "ApplyOnTransformedLogs"),
        ("fieldSelectionCriteria", "FieldSelectionCriteria"),
        ("emitSystemFieldDimensions", "EmitSystemFieldDimensions"),
    ):
        if properties.get(key):
            wanted[member] = properties[key]
    await call.invoke("logs", "PutMetricFilter", wanted)
    return Resource(name)


def _transformation(given: Mapping[str, Any]) -> dict[str, Any]:
    wanted: dict[str, Any] = {
        "metricName": given.get("MetricName"),
        "metricNamespace": given.get("MetricNamespace"),
        "metricValue": str(given.get("MetricValue", "")),
    }
    if "DefaultValue" in given:
        wanted["defaultValue"] = float(given["DefaultValue"])
    if "Unit" in given:
        wanted["unit"] = given["Unit"]
    if "Dimensions" in given:
        wanted["dimensions"] = {each["Key"]: each["Value"] for each in given["Dimensions"]}
    return wanted


async def _delete_metric_filter(call: StreamCall, request: ResourceRequest) -> None:
    group = request.properties["LogGroupName"]
    about = {"logGroupName": group, "filterName": request.physical_id}
    await call.invoke("logs", "DeleteMetricFilter", about)


RESOURCE_TYPES = {
    "AWS::Logs::LogGroup": ResourceType(
        create=_create_group,
        update=_update_group,
        delete=_delete_group,
        replaced_by=frozenset({"LogGroupName", "LogGroupClass", "KmsKeyId"}),
        taggable="Tags",
        properties=declared(
            "DeletionProtectionEnabled KmsKeyId LogGroupClass LogGroupName RetentionInDays Tags",
            ignored="BearerTokenAuthenticationEnabled FieldIndexPolicies ResourcePolicyDocument",
            refused="DataProtectionPolicy",
        ),
    ),
    "AWS::Logs::LogStream": ResourceType(
        create=_create_stream,
        delete=_delete_stream,
        properties=declared(
            "LogGroupName LogStreamName",
        ),
    ),
    "AWS::Logs::MetricFilter": ResourceType(
        create=_put_metric_filter,
        update=_put_metric_filter,
        delete=_delete_metric_filter,
        replaced_by=frozenset({"LogGroupName", "FilterName"}),
        properties=declared(
            "ApplyOnTransformedLogs EmitSystemFieldDimensions FieldSelectionCriteria "
            "FilterName FilterPattern LogGroupName MetricTransformations",
        ),
    ),
    "AWS::Logs::SubscriptionFilter": ResourceType(
        create=_put_subscription,
        update=_put_subscription,
        delete=_delete_subscription,
        replaced_by=frozenset({"LogGroupName", "FilterName"}),
        properties=declared(
            "ApplyOnTransformedLogs DestinationArn Distribution FieldSelectionCriteria "
            "FilterName FilterPattern LogGroupName RoleArn",
            ignored="EmitSystemFields",
        ),
    ),
}
