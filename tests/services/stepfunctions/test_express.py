"""Express state machines. https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html"""

from __future__ import annotations

import json

import pytest
from tests.services.stepfunctions.conftest import ACCOUNT, Machines, definition

from pileus.values.errors import ServiceError

DOUBLE = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:double"


async def test_a_caller_waits_for_the_output(machines: Machines) -> None:
    states = {
        "W": {"Type": "Wait", "Seconds": 2, "Next": "T"},
        "T": {"Type": "Task", "Resource": DOUBLE, "End": True},
    }
    machine = await machines.create(states, type="EXPRESS")
    found = await machines(
        "StartSyncExecution", stateMachineArn=machine, name="n", input='{"n": 3}'
    )
    assert (found["status"], json.loads(found["output"])) == ("SUCCEEDED", {"n": 6})
    assert found["executionArn"].startswith(f"arn:aws:states:us-east-1:{ACCOUNT}:express:m:n:")
    assert found["billingDetails"]["billedDurationInMilliseconds"] >= 2000
    assert found["billingDetails"]["billedDurationInMilliseconds"] % 100 == 0


async def test_a_failure_is_told(machines: Machines) -> None:
    states = {"F": {"Type": "Fail", "Error": "E", "Cause": "because"}}
    machine = await machines.create(states, type="EXPRESS")
    found = await machines("StartSyncExecution", stateMachineArn=machine)
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "E", "because")


async def test_five_minutes_are_all_it_has(machines: Machines) -> None:
    states = {"W": {"Type": "Wait", "Seconds": 400, "End": True}}
    machine = await machines.create(states, type="EXPRESS")
    found = await machines("StartSyncExecution", stateMachineArn=machine)
    assert found["status"] == "TIMED_OUT"
    assert (found["stopDate"] - found["startDate"]).total_seconds() == 300


async def test_time_outs_of_machine_and_task(machines: Machines) -> None:
    states = {"W": {"Type": "Wait", "Seconds": 40, "End": True}}
    machine = await machines.create(
        states, type="EXPRESS", definition=definition(states, TimeoutSeconds=3)
    )
    found = await machines("StartSyncExecution", stateMachineArn=machine)
    assert found["status"] == "TIMED_OUT"


async def test_standard_machines_have_no_synchronous_start(machines: Machines) -> None:
    machine = await machines.create({"D": {"Type": "Succeed"}})
    with pytest.raises(ServiceError) as raised:
        await machines("StartSyncExecution", stateMachineArn=machine)
    assert raised.value.code == "StateMachineTypeNotSupported"


async def test_one_that_nobody_waits_for_outlives_a_restart(machines: Machines) -> None:
    url = (await machines.platform("sqs", "CreateQueue", QueueName="q"))["QueueUrl"]
    states = {
        "W": {"Type": "Wait", "Seconds": 20, "Next": "S"},
        "S": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Parameters": {"QueueUrl": url, "MessageBody": "done"},
            "End": True,
        },
    }
    machine = await machines.create(states, type="EXPRESS")
    await machines("StartExecution", stateMachineArn=machine)
    await machines.platform.clock.advance(10_000)
    machines.platform = await machines.platform.restart()
    await machines.platform.clock.advance(60_000)
    machines.platform = await machines.platform.restart()
    await machines.platform.clock.advance(60_000)
    received = await machines.platform("sqs", "ReceiveMessage", QueueUrl=url)
    assert [each["Body"] for each in received["Messages"]] == ["done"]
    again = await machines.platform("sqs", "ReceiveMessage", QueueUrl=url)
    assert not again.get("Messages")
