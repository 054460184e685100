"""What follows an alarm's change of state: messages, functions, an event on the default bus.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html,
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html and
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Delivery
from pileus.services.cloudwatch import reasons
from pileus.services.cloudwatch.model import ALARM, INSUFFICIENT, OK, Alarm
from pileus.values.arns import Arn, is_arn

_PRINCIPAL = "service:cloudwatch.amazonaws.com"
LISTS = {OK: "OKActions", ALARM: "AlarmActions", INSUFFICIENT: "InsufficientDataActions"}
_REGIONS = {
    "us-east-1": "US East (N. Virginia)",
    "us-east-2": "US East (Ohio)",
    "us-west-1": "US West (N. California)",
    "us-west-2": "US West (Oregon)",
    "eu-west-1": "EU (Ireland)",
    "eu-central-1": "EU (Frankfurt)",
}


class Change(msgspec.Struct, frozen=True):
    """A change of state: of which alarm, and what was before."""

    alarm: Alarm
    old_state: str
    old_reason: str
    old_reason_data: str
    old_ms: int


def refused(arn: str) -> bool:
    """True for an action nothing here could carry out."""
    return not is_arn(arn) or Arn.parse(arn).service not in ("sns", "lambda")


def follow(call: WriteCall, change: Change) -> list[str]:
    """Emit what the new state asks for; the ARNs of the actions."""
    alarm = change.alarm
    call.emit(_event(call, change))
    if not alarm.are_actions_enabled:
        return []
    wanted = [str(arn) for arn in alarm.definition.get(LISTS[alarm.state]) or ()]
    for arn in wanted:
        act = _publish if Arn.parse(arn).service == "sns" else _invoke
        call.emit(act(call, change, arn))
    return wanted


def alarm_arn(call: Any, name: str) -> str:
    """The alarm's ARN."""
    return str(call.arn(f"alarm:{name}"))


def _publish(call: WriteCall, change: Change, topic: str) -> Delivery:
    alarm = change.alarm
    region = _REGIONS.get(call.region, call.region)
    definition = alarm.definition
    document: dict[str, Any] = {
        "AlarmName": alarm.name,
        "AlarmDescription": definition.get("AlarmDescription"),
        "AWSAccountId": call.account,
        "AlarmConfigurationUpdatedTimestamp": reasons.stamp(alarm.configured_ms),
        "NewStateValue": alarm.state,
        "NewStateReason": alarm.reason,
        "StateChangeTime": reasons.stamp(alarm.updated_ms),
        "Region": region,
        "AlarmArn": alarm_arn(call, alarm.name),
        "OldStateValue": change.old_state,
        **{name: list(definition.get(name) or ()) for name in LISTS.values()},
    }
    if alarm.is_composite:
        document["AlarmRule"] = definition["AlarmRule"]
    else:
        document["Trigger"] = _trigger(definition)
    subject = f'{alarm.state}: "{alarm.name}" in {region}'
    given = {
        "TopicArn": topic,
        "Subject": subject if len(subject) <= 100 else subject[:97] + "...",
        "Message": json.dumps(document, separators=(",", ":")),
    }
    target = Arn.parse(topic)
    return Delivery(
        service="sns",
        operation="Publish",
        input=given,
        principal=_PRINCIPAL,
        account=target.account,
        region=target.region,
    )


def _trigger(definition: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if definition.get("Metrics"):
        found["Metrics"] = definition["Metrics"]
    else:
        simple = definition.get("Statistic")
        kind = "Statistic" if simple else "ExtendedStatistic"
        found = {
            "MetricName": definition["MetricName"],
            "Namespace": definition["Namespace"],
            "StatisticType": kind,
            kind: _shouted(simple) if simple else definition["ExtendedStatistic"],
            "Unit": definition.get("Unit"),
            "Dimensions": [
                {"value": each["Value"], "name": each["Name"]}
                for each in definition.get("Dimensions") or ()
            ],
        }
    return {
        **found,
        "Period": definition.get("Period"),
        "EvaluationPeriods": definition["EvaluationPeriods"],
        "DatapointsToAlarm": definition.get("DatapointsToAlarm"),
        "ComparisonOperator": definition["ComparisonOperator"],
        "Threshold": definition["Threshold"],
        "TreatMissingData": definition.get("TreatMissingData") or "missing",
        "EvaluateLowSampleCountPercentile": definition.get("EvaluateLowSampleCountPercentile")
        or "",
    }


def _shouted(statistic: str) -> str:
    return "SAMPLE_COUNT" if statistic == "SampleCount" else statistic.upper()


def _states(change: Change) -> dict[str, Any]:
    alarm = change.alarm
    new = {"value": alarm.state, "reason": alarm.reason,
           "timestamp": reasons.stamp(alarm.updated_ms)}  # fmt: skip
    old = {"value": change.old_state, "reason": change.old_reason,
           "timestamp": reasons.stamp(change.old_ms)}  # fmt: skip
    if alarm.reason_data:
        new["reasonData"] = alarm.reason_data
    if change.old_reason_data:
        old["reasonData"] = change.old_reason_data
    return {"alarmName": alarm.name, "state": new, "previousState": old}


def _configuration(definition: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if definition.get("AlarmDescription"):
        found["description"] = definition["AlarmDescription"]
    if definition.get("AlarmRule"):
        actions = {name[:1].lower() + name[1:]: list(definition.get(name) or ())
                   for name in ("OKActions", "AlarmActions", "InsufficientDataActions")}  # fmt: skip
        return {**found, "alarmRule": definition["AlarmRule"],
                "actionsEnabled": definition.get("ActionsEnabled", True), **actions}  # fmt: skip
    return {**found, "metrics": _event_metrics(definition)}


def _event_metrics(definition: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not definition.get("Metrics"):
        metric = {
            "namespace": definition["Namespace"],
            "name": definition["MetricName"],
            "dimensions": {d["Name"]: d["Value"] for d in definition.get("Dimensions") or ()},
        }
        stat = definition.get("Statistic") or definition.get("ExtendedStatistic")
        wanted = {"metric": metric, "period": definition["Period"], "stat": stat}
        return [{"id": "m1", "metricStat": wanted, "returnData": True}]
    found = []
    for query in definition["Metrics"]:
        told: dict[str, Any] = {"id": query["Id"], "returnData": query.get("ReturnData", True)}
        if query.get("Expression"):
            told["expression"] = query["Expression"]
        if query.get("Label"):
            told["label"] = query["Label"]
        if stat := query.get("MetricStat"):
            metric = {
                "namespace": stat["Metric"].get("Namespace"),
                "name": stat["Metric"]["MetricName"],
                "dimensions": {
                    d["Name"]: d["Value"] for d in stat["Metric"].get("Dimensions") or ()
                },
            }
            told["metricStat"] = {"metric": metric, "period": stat["Period"], "stat": stat["Stat"]}
        found.append(told)
    return found


def _invoke(call: WriteCall, change: Change, function: str) -> Delivery:
    states = _states(change)
    document = {
        "source": "aws.cloudwatch",
        "alarmArn": alarm_arn(call, change.alarm.name),
        "accountId": call.account,
        "time": reasons.stamp(change.alarm.updated_ms),
        "region": call.region,
        "alarmData": {**states, "configuration": _configuration(change.alarm.definition)},
    }
    given = {
        "FunctionName": function,
        "InvocationType": "Event",
        "Payload": json.dumps(document, separators=(",", ":")).encode(),
    }
    target = Arn.parse(function)
    return Delivery(
        service="lambda",
        operation="Invoke",
        input=given,
        principal=_PRINCIPAL,
        account=target.account,
        region=target.region,
    )


def _event(call: WriteCall, change: Change) -> Delivery:
    detail = {**_states(change), "configuration": _configuration(change.alarm.definition)}
    entry = {
        "Source": "aws.cloudwatch",
        "DetailType": "CloudWatch Alarm State Change",
        "Detail": json.dumps(detail, separators=(",", ":")),
        "Resources": [alarm_arn(call, change.alarm.name)],
        "Time": change.alarm.updated_ms / 1000,
    }
    return Delivery(
        service="events",
        operation="PutEvents",
        input={"Entries": [entry]},
        principal=_PRINCIPAL,
        # Changes of one alarm are told in their order.
        ordering_key=f"alarm {change.alarm.name}",
    )
