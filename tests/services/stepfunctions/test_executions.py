"""Executions through the door. https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.services.stepfunctions.conftest import ACCOUNT, Machines, definition

from pileus.values.errors import ServiceError

DOUBLE = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:double"
DONE: dict[str, Any] = {"Type": "Succeed"}


async def test_a_pass_state_ends_at_once(machines: Machines) -> None:
    machine = await machines.create({"P": {"Type": "Pass", "Result": {"a": 1}, "End": True}})
    execution = await machines.start(machine, {"b": 2}, name="one")
    assert execution == f"arn:aws:states:us-east-1:{ACCOUNT}:execution:m:one"
    found = await machines.describe(execution)
    assert found["status"] == "SUCCEEDED"
    assert json.loads(found["input"]) == {"b": 2}
    assert json.loads(found["output"]) == {"a": 1}
    assert await machines.types(execution) == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]


async def test_a_wait_ends_when_its_time_has_come(machines: Machines) -> None:
    machine = await machines.create({"W": {"Type": "Wait", "Seconds": 30, "Next": "D"}, "D": DONE})
    execution = await machines.start(machine)
    await machines.platform.clock.advance(29_000)
    assert (await machines.describe(execution))["status"] == "RUNNING"
    await machines.platform.clock.advance(2_000)
    assert (await machines.describe(execution))["status"] == "SUCCEEDED"


async def test_a_function_by_its_arn(machines: Machines) -> None:
    machine = await machines.create({"T": {"Type": "Task", "Resource": DOUBLE, "End": True}})
    execution = await machines.start(machine, {"n": 21})
    found = await machines.ended(execution)
    assert found["status"] == "SUCCEEDED", found
    assert json.loads(found["output"]) == {"n": 42}
    assert await machines.types(execution) == [
        "ExecutionStarted",
        "TaskStateEntered",
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionSucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ]


async def test_an_optimised_invocation_says_more(machines: Machines) -> None:
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "double", "Payload.$": "$"},
        "End": True,
    }
    machine = await machines.create({"T": task})
    output = json.loads((await machines.ended(await machines.start(machine, {"n": 4})))["output"])
    assert output["Payload"] == {"n": 8}
    assert output["StatusCode"] == 200
    assert output["SdkHttpMetadata"]["HttpStatusCode"] == 200


async def test_what_a_function_raises_is_caught_by_its_type(machines: Machines) -> None:
    catch = {"ErrorEquals": ["TypeError"], "Next": "D", "ResultPath": "$.why"}
    task = {"Type": "Task", "Resource": DOUBLE, "Catch": [catch], "End": True}
    machine = await machines.create({"T": task, "D": DONE})
    found = await machines.ended(await machines.start(machine, {"n": "x"}))
    assert found["status"] == "SUCCEEDED"
    assert json.loads(found["output"])["why"]["Error"] == "TypeError"


async def test_a_retry_waits_and_attempts_again(machines: Machines) -> None:
    retry = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "MaxAttempts": 2}
    task = {"Type": "Task", "Resource": DOUBLE, "Retry": [retry], "End": True}
    machine = await machines.create({"T": task})
    execution = await machines.start(machine, {"n": "x"})
    found = await machines.ended(execution)
    assert (found["status"], found["error"]) == ("FAILED", "TypeError")
    assert (await machines.types(execution)).count("LambdaFunctionFailed") == 3
    assert found["stopDate"].timestamp() - found["startDate"].timestamp() >= 15


async def test_messages_and_items_go_through_the_door(machines: Machines) -> None:
    url = (await machines.platform("sqs", "CreateQueue", QueueName="q"))["QueueUrl"]
    await machines.platform(
        "dynamodb",
        "CreateTable",
        TableName="table",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    states = {
        "Send": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Parameters": {"QueueUrl": url, "MessageBody": {"said.$": "$.word"}},
            "ResultPath": None,
            "Next": "Put",
        },
        "Put": {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:putItem",
            "Parameters": {"TableName": "table", "Item": {"id": {"S.$": "$.word"}}},
            "ResultPath": None,
            "Next": "Get",
        },
        "Get": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:dynamodb:getItem",
            "Parameters": {"TableName": "table", "Key": {"id": {"S.$": "$.word"}}},
            "End": True,
        },
    }
    found = await machines.ended(await machines.start(await machines.create(states), {"word": "w"}))
    assert found["status"] == "SUCCEEDED", found
    assert json.loads(found["output"]) == {"Item": {"id": {"S": "w"}}}
    received = await machines.platform("sqs", "ReceiveMessage", QueueUrl=url)
    assert json.loads(received["Messages"][0]["Body"]) == {"said": "w"}


async def test_a_refused_call_fails_by_service_and_code(machines: Machines) -> None:
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:dynamodb:getItem",
        "Parameters": {"TableName": "none", "Key": {"id": {"S": "1"}}},
        "End": True,
    }
    found = await machines.ended(await machines.start(await machines.create({"T": task})))
    assert found["error"] == "DynamoDb.ResourceNotFoundException"
    assert "(Service: DynamoDb, Status Code: 400, Request ID: " in found["cause"]


async def test_an_execution_of_the_same_name_and_input_is_the_same(machines: Machines) -> None:
    machine = await machines.create({"W": {"Type": "Wait", "Seconds": 30, "End": True}})
    first = await machines.start(machine, {"a": 1}, name="n")
    assert await machines.start(machine, {"a": 1}, name="n") == first
    with pytest.raises(ServiceError) as raised:
        await machines.start(machine, {"a": 2}, name="n")
    assert raised.value.code == "ExecutionAlreadyExists"
    await machines.ended(first)
    with pytest.raises(ServiceError) as raised:
        await machines.start(machine, {"a": 1}, name="n")
    assert raised.value.message == f"Execution Already Exists: '{first}'"


async def test_a_stopped_execution_is_aborted(machines: Machines) -> None:
    machine = await machines.create({"W": {"Type": "Wait", "Seconds": 30, "End": True}})
    execution = await machines.start(machine)
    await machines("StopExecution", executionArn=execution, error="E", cause="because")
    found = await machines.describe(execution)
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "E", "because")
    await machines.platform.clock.advance(60_000)
    assert (await machines.types(execution))[-1] == "ExecutionAborted"


async def test_an_execution_may_take_only_so_long(machines: Machines) -> None:
    states = {"W": {"Type": "Wait", "Seconds": 90, "End": True}}
    machine = await machines.create(states, definition=definition(states, TimeoutSeconds=10))
    found = await machines.ended(await machines.start(machine))
    assert found["status"] == "TIMED_OUT"


async def test_history_comes_in_pages_from_both_ends(machines: Machines) -> None:
    states = {f"P{n}": {"Type": "Pass", "Next": f"P{n + 1}"} for n in range(5)}
    machine = await machines.create({**states, "P5": {"Type": "Pass", "End": True}})
    execution = await machines.start(machine)

    async def pages(**more: Any) -> list[int]:
        found: list[int] = []
        token: dict[str, Any] = {}
        while True:
            page = await machines(
                "GetExecutionHistory", executionArn=execution, maxResults=4, **more, **token
            )
            found += [each["id"] for each in page["events"]]
            if "nextToken" not in page:
                return found
            token = {"nextToken": page["nextToken"]}

    assert await pages() == list(range(1, 15))
    assert await pages(reverseOrder=True) == list(range(14, 0, -1))
    bare = await machines(
        "GetExecutionHistory", executionArn=execution, includeExecutionData=False, maxResults=2
    )
    assert bare["events"][1]["stateEnteredEventDetails"] == {
        "name": "P0",
        "inputDetails": {"truncated": False},
    }


async def test_lists_begin_with_the_latest_and_filter(machines: Machines) -> None:
    machine = await machines.create({"W": {"Type": "Wait", "Seconds": 30, "End": True}})
    for name in ("a", "b", "c"):
        await machines.start(machine, name=name)
        await machines.platform.clock.advance(11_000)
    listed = await machines("ListExecutions", stateMachineArn=machine, maxResults=2)
    assert [each["name"] for each in listed["executions"]] == ["c", "b"]
    rest = await machines("ListExecutions", stateMachineArn=machine, nextToken=listed["nextToken"])
    assert [each["name"] for each in rest["executions"]] == ["a"]
    running = await machines("ListExecutions", stateMachineArn=machine, statusFilter="RUNNING")
    assert [each["name"] for each in running["executions"]] == ["c", "b"]


async def test_a_long_machine_gives_others_their_turn(machines: Machines) -> None:
    states = {
        "Count": {
            "Type": "Pass",
            "Parameters": {"n.$": "States.MathAdd($.n, 1)"},
            "Next": "Enough",
        },
        "Enough": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericGreaterThan": 2500, "Next": "Done"}],
            "Default": "Count",
        },
        "Done": DONE,
    }
    execution = await machines.start(await machines.create(states), {"n": 0})
    found = await machines.ended(execution)
    assert json.loads(found["output"]) == {"n": 2501}


async def test_branches_and_iterations_meet_again(machines: Machines) -> None:
    task = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": DOUBLE, "End": True}}}
    states = {
        "M": {"Type": "Map", "ItemsPath": "$.all", "ItemProcessor": task, "MaxConcurrency": 3,
              "ResultPath": "$.all", "Next": "P"},
        "P": {"Type": "Parallel", "Branches": [
            {"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 2, "End": True}}},
            {"StartAt": "B", "States": {"B": {"Type": "Pass", "Result": 1, "End": True}}}],
            "End": True},
    }  # fmt: skip
    machine = await machines.create(states)
    execution = await machines.start(machine, {"all": [{"n": n} for n in range(8)]})
    output = json.loads((await machines.ended(execution))["output"])
    assert output == [{"all": [{"n": 2 * n} for n in range(8)]}, 1]
    await machines.types(execution)


async def test_an_event_starts_an_execution(machines: Machines) -> None:
    machine = await machines.create({"D": DONE})
    events = machines.platform
    await events("events", "PutRule", Name="r", EventPattern='{"source": ["app"]}')
    await events("events", "PutTargets", Rule="r", Targets=[{"Id": "1", "Arn": machine}])
    entry = {"Source": "app", "DetailType": "t", "Detail": '{"n": 7}'}
    await events("events", "PutEvents", Entries=[entry])
    await events.clock.advance(1000)
    (one,) = (await machines("ListExecutions", stateMachineArn=machine))["executions"]
    found = await machines.describe(one["executionArn"])
    assert json.loads(found["input"])["detail"] == {"n": 7}


async def test_jsonata_and_variables(machines: Machines) -> None:
    states = {
        "Set": {"Type": "Pass", "Assign": {"base": "{% $states.input.n %}"}, "Next": "Do"},
        "Do": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": "double", "Payload": {"n": "{% $base + 1 %}"}},
            "Output": "{% $states.result.Payload.n + $base %}",
            "End": True,
        },
    }
    text = definition(states, QueryLanguage="JSONata")
    machine = await machines.create(states, definition=text)
    assert (await machines.ended(await machines.start(machine, {"n": 4})))["output"] == "14"


async def test_a_wide_map_that_is_paused_dispatches_each_task_once(machines: Machines) -> None:
    steps = {f"P{n}": {"Type": "Pass", "Next": f"P{n + 1}"} for n in range(60)}
    last = {"P60": {"Type": "Task", "Resource": DOUBLE, "End": True}}
    inner = {"StartAt": "P0", "States": {**steps, **last}}
    machine = await machines.create({"M": {"Type": "Map", "ItemProcessor": inner, "End": True}})
    items = [{"n": n} for n in range(40)]
    given = {"stateMachineArn": machine, "input": json.dumps(items)}
    execution = (await machines("StartExecution", **given))["executionArn"]
    found = await machines.ended(execution)
    assert json.loads(found["output"]) == [{"n": 2 * n} for n in range(40)]
