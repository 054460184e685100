"""Alarms and dashboards in CloudFormation."""

from __future__ import annotations

import json
from typing import Any

from pileus.testing.platform import MemoryPlatform

ALARM: dict[str, Any] = {
    "Namespace": "AWS/SQS",
    "MetricName": "ApproximateNumberOfMessagesVisible",
    "Dimensions": [{"Name": "QueueName", "Value": "q"}],
    "Statistic": "Maximum",
    "Period": "300",
    "EvaluationPeriods": "1",
    "Threshold": "100",
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "TreatMissingData": "notBreaching",
    "AlarmActions": [{"Ref": "Topic"}],
    "Tags": [{"Key": "a", "Value": "1"}],
}


def template(**changed: Any) -> str:
    rule = {"Fn::Sub": 'ALARM("${Alarm}")'}
    body = {
        "Fn::Sub": '{"widgets": [{"type": "alarm", "properties": {"alarms": ["${Alarm.Arn}"]}}]}'
    }
    return json.dumps(
        {
            "Resources": {
                "Topic": {"Type": "AWS::SNS::Topic"},
                "Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {**ALARM, **changed}},
                "Either": {
                    "Type": "AWS::CloudWatch::CompositeAlarm",
                    "Properties": {"AlarmName": "either", "AlarmRule": rule},
                },
                "Board": {
                    "Type": "AWS::CloudWatch::Dashboard",
                    "Properties": {"DashboardName": "board", "DashboardBody": body},
                },
            }
        }
    )


async def act(platform: MemoryPlatform, operation: str, **given: Any) -> str:
    await platform("cloudformation", operation, StackName="app", **given)
    await platform.clock.advance(2000)
    stacks = await platform("cloudformation", "ListStacks")
    return str(stacks["StackSummaries"][0]["StackStatus"])


async def test_the_life_of_alarms_in_a_stack(memory_platform: MemoryPlatform) -> None:
    ask = memory_platform
    assert await act(ask, "CreateStack", TemplateBody=template()) == "CREATE_COMPLETE"
    (alarm,) = (await ask("cloudwatch", "DescribeAlarms"))["MetricAlarms"]
    assert alarm["AlarmName"].startswith("app-Alarm-")
    assert (alarm["Period"], alarm["Threshold"]) == (300, 100.0)
    assert alarm["AlarmActions"][0].startswith("arn:aws:sns:")
    board = await ask("cloudwatch", "GetDashboard", DashboardName="board")
    assert alarm["AlarmArn"] in board["DashboardBody"]
    changed = template(Threshold=5, Tags=[])
    assert await act(ask, "UpdateStack", TemplateBody=changed) == "UPDATE_COMPLETE"
    (again,) = (await ask("cloudwatch", "DescribeAlarms"))["MetricAlarms"]
    assert (again["AlarmName"], again["Threshold"]) == (alarm["AlarmName"], 5.0)
    tags = await ask("cloudwatch", "ListTagsForResource", ResourceARN=alarm["AlarmArn"])
    assert tags["Tags"] == []
    assert await act(ask, "DeleteStack") == "DELETE_COMPLETE"
    assert (await ask("cloudwatch", "DescribeAlarms"))["MetricAlarms"] == []
    assert (await ask("cloudwatch", "ListDashboards"))["DashboardEntries"] == []
