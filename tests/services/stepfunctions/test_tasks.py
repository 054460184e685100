"""Tokens, activities, time-outs. https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.services.stepfunctions.conftest import ACCOUNT, Machines

from pileus.values.errors import ServiceError

ACTIVITY = f"arn:aws:states:us-east-1:{ACCOUNT}:activity:a"


async def _asked(machines: Machines, **more: Any) -> tuple[str, str]:
    """An execution that waits for a token, and the token."""
    url = (await machines.platform("sqs", "CreateQueue", QueueName="q"))["QueueUrl"]
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": url, "MessageBody.$": "$$.Task.Token"},
        "End": True,
        **more,
    }
    execution = await machines.start(await machines.create({"T": task}))
    await machines.platform.clock.settle()
    received = await machines.platform("sqs", "ReceiveMessage", QueueUrl=url, WaitTimeSeconds=20)
    return execution, received["Messages"][0]["Body"]


async def test_a_token_ends_a_task(machines: Machines) -> None:
    execution, token = await _asked(machines)
    await machines.platform.clock.advance(1000)
    await machines("SendTaskSuccess", taskToken=token, output='{"yes": true}')
    found = await machines.describe(execution)
    assert json.loads(found["output"]) == {"yes": True}
    assert await machines.types(execution) == [
        "ExecutionStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskSubmitted",
        "TaskSucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ]
    with pytest.raises(ServiceError) as raised:
        await machines("SendTaskSuccess", taskToken=token, output="{}")
    assert raised.value.code == "TaskTimedOut"


async def test_a_token_fails_a_task(machines: Machines) -> None:
    execution, token = await _asked(machines)
    await machines("SendTaskFailure", taskToken=token, error="No", cause="because")
    found = await machines.describe(execution)
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "No", "because")


async def test_tokens_are_nobody_elses_to_make(machines: Machines) -> None:
    with pytest.raises(ServiceError) as raised:
        await machines("SendTaskSuccess", taskToken="abcd", output="{}")
    assert raised.value.code == "InvalidToken"


async def test_output_that_is_no_json_ends_nothing(machines: Machines) -> None:
    execution, token = await _asked(machines)
    with pytest.raises(ServiceError) as raised:
        await machines("SendTaskSuccess", taskToken=token, output="{")
    assert raised.value.code == "InvalidOutput"
    assert (await machines.describe(execution))["status"] == "RUNNING"


async def test_heartbeats_keep_a_task(machines: Machines) -> None:
    execution, token = await _asked(machines, HeartbeatSeconds=10)
    for _ in range(4):
        await machines.platform.clock.advance(8_000)
        await machines("SendTaskHeartbeat", taskToken=token)
    assert (await machines.describe(execution))["status"] == "RUNNING"
    await machines.platform.clock.advance(11_000)
    found = await machines.describe(execution)
    assert (found["status"], found["error"]) == ("FAILED", "States.Timeout")


async def test_a_task_may_take_only_so_long(machines: Machines) -> None:
    execution, token = await _asked(machines, TimeoutSeconds=10)
    await machines.platform.clock.advance(11_000)
    assert (await machines.describe(execution))["error"] == "States.Timeout"
    with pytest.raises(ServiceError) as raised:
        await machines("SendTaskHeartbeat", taskToken=token)
    assert raised.value.code == "TaskTimedOut"


async def test_a_worker_does_an_activity(machines: Machines) -> None:
    assert (await machines("CreateActivity", name="a"))["activityArn"] == ACTIVITY
    machine = await machines.create({"T": {"Type": "Task", "Resource": ACTIVITY, "End": True}})
    kernel, context = machines.platform.kernel, machines.platform.context
    given = {"activityArn": ACTIVITY, "workerName": "w"}
    poll = asyncio.ensure_future(kernel.invoke(context, "stepfunctions", "GetActivityTask", given))
    await machines.platform.clock.settle()
    execution = await machines.start(machine, {"n": 1})
    task = (await machines.platform.clock.run(poll)).output
    assert json.loads(task["input"]) == {"n": 1}
    await machines("SendTaskSuccess", taskToken=task["taskToken"], output="2")
    assert (await machines.describe(execution))["output"] == "2"
    assert "ActivityStarted" in await machines.types(execution)


async def test_a_poll_ends_after_a_minute(machines: Machines) -> None:
    await machines("CreateActivity", name="a")
    before_ms = machines.platform.clock.now_ms()
    assert await machines("GetActivityTask", activityArn=ACTIVITY) == {}
    assert machines.platform.clock.now_ms() - before_ms >= 60_000


async def test_a_nested_execution_is_started(machines: Machines) -> None:
    inner = await machines.create({"D": {"Type": "Succeed"}}, name="inner")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution",
        "Parameters": {"StateMachineArn": inner, "Name": "n", "Input": {"a": 1}},
        "End": True,
    }
    found = await machines.ended(await machines.start(await machines.create({"T": task})))
    started = json.loads(found["output"])["ExecutionArn"]
    assert json.loads((await machines.describe(started))["input"]) == {"a": 1}


@pytest.mark.parametrize("seconds", [0, 30])
async def test_an_execution_waits_for_another(machines: Machines, seconds: int) -> None:
    states = {
        "W": {"Type": "Wait", "Seconds": seconds, "Next": "P"},
        "P": {"Type": "Pass", "Result": {"b": 2}, "End": True},
    }
    inner = await machines.create(states, name="inner")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": inner, "Input": {"a": 1}},
        "End": True,
    }
    execution = await machines.start(await machines.create({"T": task}))
    output = json.loads((await machines.ended(execution))["output"])
    assert (output["Status"], output["Input"], output["Output"]) == (
        "SUCCEEDED",
        {"a": 1},
        {"b": 2},
    )
    assert (await machines.types(execution))[2:6] == [
        "TaskScheduled",
        "TaskStarted",
        "TaskSubmitted",
        "TaskSucceeded",
    ]


async def test_the_failure_of_another_execution_fails_the_task(machines: Machines) -> None:
    failing = {"F": {"Type": "Fail", "Error": "E", "Cause": "because"}}
    inner = await machines.create(failing, name="inner")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync",
        "Parameters": {"StateMachineArn": inner},
        "End": True,
    }
    found = await machines.ended(await machines.start(await machines.create({"T": task})))
    assert (found["status"], found["error"]) == ("FAILED", "States.TaskFailed")
    cause = json.loads(found["cause"])
    assert (cause["Error"], cause["Cause"], cause["Input"]) == ("E", "because", "{}")


async def test_stopping_an_execution_stops_what_it_waits_for(machines: Machines) -> None:
    waiting = {"W": {"Type": "Wait", "Seconds": 300, "End": True}}
    inner = await machines.create(waiting, name="inner")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync",
        "Parameters": {"StateMachineArn": inner, "Name": "n"},
        "End": True,
    }
    execution = await machines.start(await machines.create({"T": task}))
    await machines.platform.clock.advance(1000)
    child = execution.rpartition(":")[0].removesuffix(":m") + ":inner:n"
    assert (await machines.describe(child))["status"] == "RUNNING"
    await machines("StopExecution", executionArn=execution)
    assert (await machines.describe(child))["status"] == "ABORTED"
    assert (await machines.types(execution))[-1] == "ExecutionAborted"
