"""Calls of other services. https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html"""

from __future__ import annotations

import json
from typing import Any

from tests.services.stepfunctions.conftest import ACCOUNT, Machines

RULES = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"


async def _result(
    machines: Machines, resource: str, parameters: dict[str, Any], name: str = "m"
) -> dict[str, Any]:
    """What a machine of one task says of itself in the end."""
    task = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{resource}",
        "Parameters": parameters,
        "End": True,
    }
    machine = await machines.create({"T": task}, name=name)
    return await machines.ended(await machines.start(machine))


async def test_the_body_of_an_object_is_text(machines: Machines) -> None:
    await machines.platform("s3", "CreateBucket", Bucket="bucket")
    where = {"Bucket": "bucket", "Key": "k"}
    put = await _result(machines, "aws-sdk:s3:putObject", {**where, "Body": {"a": 1}}, "put")
    assert put["status"] == "SUCCEEDED", put
    got = json.loads((await _result(machines, "aws-sdk:s3:getObject", where, "get"))["output"])
    assert json.loads(got["Body"]) == {"a": 1}
    assert got["LastModified"].endswith("Z")


async def test_members_begin_with_a_capital_whatever_the_service_says(machines: Machines) -> None:
    inner = await machines.create({"D": {"Type": "Succeed"}}, name="inner")
    found = await _result(machines, "aws-sdk:sfn:describeStateMachine", {"StateMachineArn": inner})
    output = json.loads(found["output"])
    assert (output["Name"], output["Type"]) == ("inner", "STANDARD")


async def test_a_topic_takes_any_json(machines: Machines) -> None:
    url = (await machines.platform("sqs", "CreateQueue", QueueName="q"))["QueueUrl"]
    topic = (await machines.platform("sns", "CreateTopic", Name="t"))["TopicArn"]
    await machines.platform(
        "sns",
        "Subscribe",
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=RULES,
        Attributes={"RawMessageDelivery": "true"},
    )
    found = await _result(
        machines, "sns:publish", {"TopicArn": topic, "Message": {"said": "hello"}}
    )
    assert "MessageId" in json.loads(found["output"])
    received = await machines.platform("sqs", "ReceiveMessage", QueueUrl=url, WaitTimeSeconds=20)
    assert json.loads(received["Messages"][0]["Body"]) == {"said": "hello"}


async def test_events_are_put(machines: Machines) -> None:
    entry = {"Source": "app", "DetailType": "t", "Detail": {"n": 1}}
    found = await _result(machines, "events:putEvents", {"Entries": [entry]})
    assert json.loads(found["output"])["FailedEntryCount"] == 0


async def test_a_member_that_is_none_fails_the_state(machines: Machines) -> None:
    found = await _result(machines, "aws-sdk:sqs:sendMessage", {"Wrong": 1})
    assert found["status"] == "FAILED"
    assert "'Wrong'" in found["cause"]


async def test_a_service_that_is_not_there_is_named(machines: Machines) -> None:
    found = await _result(machines, "aws-sdk:athena:listWorkGroups", {})
    assert found["status"] == "FAILED"
    assert "Pileus has no athena yet." in found["cause"]


async def test_a_function_answers_by_a_token(machines: Machines) -> None:
    parameters = {"FunctionName": "double", "Payload": {"n": 2, "token.$": "$$.Task.Token"}}
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": parameters,
        "End": True,
    }
    execution = await machines.start(await machines.create({"T": task}))
    await machines.platform.clock.advance(5_000)
    history = await machines("GetExecutionHistory", executionArn=execution)
    scheduled = history["events"][2]["taskScheduledEventDetails"]
    token = json.loads(scheduled["parameters"])["Payload"]["token"]
    assert history["events"][4]["type"] == "TaskSubmitted"
    await machines("SendTaskSuccess", taskToken=token, output="5")
    assert (await machines.describe(execution))["output"] == "5"
