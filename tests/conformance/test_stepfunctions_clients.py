"""Step Functions as boto3 and CloudFormation see it, and ``kill -9`` amid executions."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.live import LivePlatform
from tests.waiting import until

_CODE = "def handler(event, context):\n    return {'n': event['n'] * 2}\n"


def _zip(text: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", text)
    return packed.getvalue()


def _definition(states: dict[str, Any]) -> str:
    return json.dumps({"StartAt": next(iter(states)), "States": states})


def _client(platform: LivePlatform) -> Any:
    # StartSyncExecution's host would be sync-127.0.0.1, which is no address.
    return platform.client("stepfunctions", inject_host_prefix=False)


def _machine(platform: LivePlatform, name: str, states: dict[str, Any], **more: str) -> str:
    role = platform.add_role("machines", "states.amazonaws.com")
    made = _client(platform).create_state_machine(
        name=name, definition=_definition(states), roleArn=role, **more
    )
    return str(made["stateMachineArn"])


def _ended(platform: LivePlatform, arn: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = _client(platform).describe_execution(executionArn=arn)
        return None if found["status"] == "RUNNING" else found

    found = until(look, f"the end of {arn}")
    assert found is not None
    return found


def test_a_function_in_a_machine(live_platform: LivePlatform) -> None:
    functions = live_platform.client("lambda")
    made = functions.create_function(
        FunctionName="double",
        Runtime="python3.11",
        Handler="app.handler",
        Role=live_platform.add_role("functions"),
        Code={"ZipFile": _zip(_CODE)},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="double")
    task = {"Type": "Task", "Resource": made["FunctionArn"], "End": True}
    machine = _machine(live_platform, "doubling", {"Double": task})
    states = _client(live_platform)
    begun = states.start_execution(stateMachineArn=machine, input='{"n": 21}')
    found = _ended(live_platform, begun["executionArn"])
    assert json.loads(found["output"]) == {"n": 42}
    pages = states.get_paginator("get_execution_history").paginate(
        executionArn=begun["executionArn"], PaginationConfig={"PageSize": 2}
    )
    events = [event for page in pages for event in page["events"]]
    assert [each["id"] for each in events] == list(range(1, 8))
    assert events[3]["type"] == "LambdaFunctionStarted"


def test_a_synchronous_start(live_platform: LivePlatform) -> None:
    states = {"P": {"Type": "Pass", "Result": {"a": 1}, "End": True}}
    machine = _machine(live_platform, "quick", states, type="EXPRESS")
    found = _client(live_platform).start_sync_execution(stateMachineArn=machine)
    assert (found["status"], json.loads(found["output"])) == ("SUCCEEDED", {"a": 1})


def test_a_stack_with_a_machine(live_platform: LivePlatform) -> None:
    live_platform.add_role("machines", "states.amazonaws.com")
    stacks = live_platform.client("cloudformation")
    machine = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "RoleArn": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:role/machines"},
            "DefinitionString": '{"StartAt": "Wait", "States": {"Wait": '
            '{"Type": "Task", "Resource": "${Work}", "TimeoutSeconds": 60, "End": true}}}',
            "DefinitionSubstitutions": {"Work": {"Ref": "Work"}},
        },
    }
    template = {
        "Resources": {
            "Machine": machine,
            "Work": {"Type": "AWS::StepFunctions::Activity", "Properties": {"Name": "work"}},
        },
        "Outputs": {"Arn": {"Value": {"Ref": "Machine"}}},
    }
    stacks.create_stack(StackName="states", TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_create_complete").wait(
        StackName="states", WaiterConfig={"Delay": 1, "MaxAttempts": 240}
    )
    (stack,) = stacks.describe_stacks(StackName="states")["Stacks"]
    states = _client(live_platform)
    begun = states.start_execution(stateMachineArn=stack["Outputs"][0]["OutputValue"])
    activity = states.list_activities()["activities"][0]["activityArn"]
    task = states.get_activity_task(activityArn=activity, workerName="w")
    states.send_task_success(taskToken=task["taskToken"], output='"done"')
    assert _ended(live_platform, begun["executionArn"])["output"] == '"done"'


@pytest.mark.slow
def test_executions_outlive_a_kill(make_platform: Callable[..., LivePlatform]) -> None:
    platform = make_platform()
    queues = platform.client("sqs")
    url = queues.create_queue(QueueName="q")["QueueUrl"]
    states = {
        "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Send"},
        "Send": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Parameters": {"QueueUrl": url, "MessageBody.$": "$$.Execution.Name"},
            "End": True,
        },
    }
    machine = _machine(platform, "sending", states)
    names = [f"n{number}" for number in range(40)]
    begun = [
        _client(platform).start_execution(stateMachineArn=machine, name=name) for name in names
    ]
    for _ in range(3):
        platform.kill()
        platform.start()
    for each in begun:
        found = _ended(platform, each["executionArn"])
        assert found["status"] == "SUCCEEDED", found
        history = _client(platform).get_execution_history(executionArn=each["executionArn"])
        assert [event["id"] for event in history["events"]] == list(range(1, 10))
    received: list[str] = []
    while (
        messages := platform.client("sqs")
        .receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=3600)
        .get("Messages")
    ):
        received += [message["Body"] for message in messages]
    assert sorted(received) == sorted(names)
