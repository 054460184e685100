"""The CloudFormation types of this room.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_CloudWatch.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import StreamCall
from pileus.kernel.resources import Resource, ResourceRequest, ResourceType, declared, require

_INTEGERS = ("EvaluationPeriods", "DatapointsToAlarm", "Period")
_TAGS = "Tags"


def _input(properties: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Properties as the API takes them: templates may write numbers and flags as text."""
    given = {key: value for key, value in properties.items() if key != _TAGS}
    given["AlarmName"] = name
    for member in _INTEGERS:
        if member in given:
            given[member] = int(given[member])
    if "Threshold" in given:
        given["Threshold"] = float(given["Threshold"])
    if "ActionsEnabled" in given:
        given["ActionsEnabled"] = given["ActionsEnabled"] in (True, "true")
    if "Metrics" in given:
        given["Metrics"] = [_query(each) for each in given["Metrics"]]
    return given


def _query(given: Mapping[str, Any]) -> dict[str, Any]:
    query = dict(given)
    if "ReturnData" in query:
        query["ReturnData"] = query["ReturnData"] in (True, "true")
    if "Period" in query:
        query["Period"] = int(query["Period"])
    if "MetricStat" in query:
        query["MetricStat"] = {**query["MetricStat"], "Period": int(query["MetricStat"]["Period"])}
    return query


def _alarm(call: StreamCall, name: str) -> Resource:
    return Resource(name, {"Arn": call.arn(f"alarm:{name}", "cloudwatch")})


async def _create(call: StreamCall, request: ResourceRequest, operation: str) -> Resource:
    name = request.properties.get("AlarmName") or request.generated_name()
    given = _input(request.properties, name)
    if request.properties.get(_TAGS):
        given[_TAGS] = list(request.properties[_TAGS])
    await call.invoke("cloudwatch", operation, given)
    return _alarm(call, name)


async def _update(call: StreamCall, request: ResourceRequest, operation: str) -> Resource:
    name = request.physical_id
    await call.invoke("cloudwatch", operation, _input(request.properties, name))
    arn = call.arn(f"alarm:{name}", "cloudwatch")
    tags = list(request.properties.get(_TAGS) or ())
    kept = {tag["Key"] for tag in tags}
    old = request.old_properties.get(_TAGS) or ()
    if gone := [tag["Key"] for tag in old if tag["Key"] not in kept]:
        given = {"ResourceARN": arn, "TagKeys": gone}
        await call.invoke("cloudwatch", "UntagResource", given)
    if tags:
        await call.invoke("cloudwatch", "TagResource", {"ResourceARN": arn, _TAGS: tags})
    return _alarm(call, name)


async def _create_metric(call: StreamCall, request: ResourceRequest) -> Resource:
    require(request, "ComparisonOperator")
    require(request, "EvaluationPeriods")
    return await _create(call, request, "PutMetricAlarm")


async def _update_metric(call: StreamCall, request: ResourceRequest) -> Resource:
    return await _update(call, request, "PutMetricAlarm")


async def _create_composite(call: StreamCall, request: ResourceRequest) -> Resource:
    require(request, "AlarmRule")
    return await _create(call, request, "PutCompositeAlarm")


async def _update_composite(call: StreamCall, request: ResourceRequest) -> Resource:
    return await _update(call, request, "PutCompositeAlarm")


async def _delete_alarm(call: StreamCall, request: ResourceRequest) -> None:
    await call.invoke("cloudwatch", "DeleteAlarms", {"AlarmNames": [request.physical_id]})


async def _put_dashboard(call: StreamCall, request: ResourceRequest) -> Resource:
    name = request.physical_id or request.properties.get("DashboardName")
    name = name or request.generated_name()
    body = require(request, "DashboardBody")
    text = body if isinstance(body, str) else orjson.dumps(body).decode()
    given = {"DashboardName": name, "DashboardBody": text}
    await call.invoke("cloudwatch", "PutDashboard", given)
    return Resource(name)


async def _delete_dashboard(call: StreamCall, request: ResourceRequest) -> None:
    await call.invoke("cloudwatch", "DeleteDashboards", {"DashboardNames": [request.physical_id]})


RESOURCE_TYPES = {
    "AWS::CloudWatch::Alarm": ResourceType(
        create=_create_metric,
        update=_update_metric,
        delete=_delete_alarm,
        replaced_by=frozenset({"AlarmName"}),
        taggable=_TAGS,
        properties=declared(
            "ActionConfiguration ActionsEnabled AlarmActions AlarmDescription AlarmName "
            "ComparisonOperator DatapointsToAlarm Dimensions EvaluateLowSampleCountPercentile "
            "EvaluationCriteria EvaluationInterval EvaluationPeriods EvaluationWindow "
            "ExtendedStatistic InsufficientDataActions MetricName Metrics Namespace OKActions "
            "Period Statistic Tags Threshold ThresholdMetricId TreatMissingData Unit "
            "WarmUpConfiguration",
        ),
    ),
    "AWS::CloudWatch::CompositeAlarm": ResourceType(
        create=_create_composite,
        update=_update_composite,
        delete=_delete_alarm,
        replaced_by=frozenset({"AlarmName"}),
        taggable=_TAGS,
        properties=declared(
            "ActionConfiguration ActionsEnabled ActionsSuppressor "
            "ActionsSuppressorExtensionPeriod ActionsSuppressorWaitPeriod AlarmActions "
            "AlarmDescription AlarmName AlarmRule InsufficientDataActions OKActions Tags",
        ),
    ),
    "AWS::CloudWatch::Dashboard": ResourceType(
        create=_put_dashboard,
        update=_put_dashboard,
        delete=_delete_dashboard,
        replaced_by=frozenset({"DashboardName"}),
        properties=declared(
            "DashboardBody DashboardName",
            ignored="Tags",
        ),
    ),
}
