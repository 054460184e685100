"""An execution ends as it should, with a history without gaps, whenever the power goes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pileus.ports.nodes import Invocation
from pileus.testing.compute import ScriptedCompute, add_function, add_role
from pileus.testing.fake_nodes import Answer, Program
from pileus.values.errors import ServiceError
from tests.fault.simulation import PowerCut, Scenario, Simulation, crash_everywhere

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/machines"
DOUBLE = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:double"
URL = f"http://127.0.0.1:4566/{ACCOUNT}/"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "states.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
INNER_ARN = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:i"
INNER: dict[str, Any] = {
    "Nap": {"Type": "Wait", "Seconds": 1, "Next": "Say"},
    "Say": {"Type": "Pass", "Result": 7, "End": True},
}
_TASK = {"Type": "Task", "Resource": DOUBLE, "End": True}
_BUSY = {"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "MaxAttempts": 5}
STATES: dict[str, Any] = {
    "First": {"Type": "Pass", "Result": {"items": [1, 2, 3]}, "Next": "All"},
    "All": {
        "Type": "Map",
        "ItemsPath": "$.items",
        "MaxConcurrency": 2,
        "ItemProcessor": {"StartAt": "Double", "States": {"Double": _TASK}},
        "ResultPath": "$.items",
        "Next": "Rest",
    },
    "Rest": {"Type": "Wait", "Seconds": 3, "Next": "Nest"},
    "Nest": {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": INNER_ARN, "Name": "nested", "Input": {}},
        "ResultSelector": {"status.$": "$.Status", "output.$": "$.Output"},
        "ResultPath": "$.nested",
        "Next": "Both",
    },
    "Both": {
        "Type": "Parallel",
        "ResultPath": "$.both",
        "Branches": [
            {"StartAt": "Nap", "States": {"Nap": {"Type": "Wait", "Seconds": 2, "End": True}}},
            {
                "StartAt": "Busy",
                "States": {
                    "Busy": {
                        "Type": "Task",
                        "Resource": DOUBLE.replace("double", "busy"),
                        "Retry": [_BUSY],
                        "End": True,
                    }
                },
            },
        ],
        "Next": "Ask",
    },
    "Ask": {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": URL + "asked", "MessageBody.$": "$$.Task.Token"},
        "TimeoutSeconds": 3600,
        "ResultPath": "$.answer",
        "Next": "Tell",
    },
    "Tell": {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sqs:sendMessage",
        "Parameters": {"QueueUrl": URL + "told", "MessageBody": "through"},
        "ResultPath": None,
        "End": True,
    },
}
EXPRESS: dict[str, Any] = {
    "Nap": {"Type": "Wait", "Seconds": 1, "Next": "Tell"},
    "Tell": {**STATES["Tell"], "Parameters": {"QueueUrl": URL + "told", "MessageBody": "express"}},
}
_SO_FAR = {"items": [2, 4, 6], "nested": {"status": "SUCCEEDED", "output": 7}}
OUTPUT = {**_SO_FAR, "both": [_SO_FAR, "not busy"], "answer": "yes"}


def _double(invocation: Invocation, number: int) -> Answer:
    return Answer(json.dumps(json.loads(invocation.payload) * 2).encode(), duration_s=0.3)


class _Busy:
    """Refuses the first of its calls, over all lives of a simulation."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, invocation: Invocation, number: int) -> Answer:
        self.calls += 1
        if self.calls > 1:
            return Answer(b'"not busy"')
        error = {"errorType": "Busy", "errorMessage": "later"}
        return Answer(json.dumps(error).encode(), is_error=True)


def _definition(states: dict[str, Any]) -> str:
    return json.dumps({"StartAt": next(iter(states)), "States": states})


async def _scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
    given = {"RoleName": "machines", "AssumeRolePolicyDocument": json.dumps(TRUST)}
    await simulation("iam", "CreateRole", **given)
    await add_role(simulation)
    await add_function(simulation, "double", "app.double")
    await add_function(simulation, "busy", "app.busy")
    for name in ("asked", "told"):
        await simulation("sqs", "CreateQueue", QueueName=name)
    arns = {}
    machines = (("i", "STANDARD", INNER), ("m", "STANDARD", STATES), ("e", "EXPRESS", EXPRESS))
    for name, kind, states in machines:
        made = await simulation(
            "stepfunctions",
            "CreateStateMachine",
            name=name,
            type=kind,
            definition=_definition(states),
            roleArn=ROLE,
        )
        arns[name] = made["stateMachineArn"]
    begun = await simulation(
        "stepfunctions", "StartExecution", stateMachineArn=arns["m"], name="one"
    )
    notes["execution"] = begun["executionArn"]
    await simulation("stepfunctions", "StartExecution", stateMachineArn=arns["e"], name="two")
    notes["express"] = True
    await _see_through(simulation, notes)


async def _see_through(simulation: Simulation, notes: dict[str, Any]) -> dict[str, Any]:
    """Answer what is asked until the execution has ended; what it says of itself then."""
    for _ in range(60):
        await simulation.rest(1000)
        received = await simulation("sqs", "ReceiveMessage", QueueUrl=URL + "asked")
        for message in received.get("Messages", ()):
            notes.setdefault("asked", Counter())[message["MessageId"]] += 1
            try:
                await simulation(
                    "stepfunctions",
                    "SendTaskSuccess",
                    taskToken=message["Body"],
                    output='"yes"',
                )
            except ServiceError as error:
                # Answered by a call whose acknowledgement a power cut swallowed.
                assert error.code == "TaskTimedOut", error
        found = await simulation(
            "stepfunctions", "DescribeExecution", executionArn=notes["execution"]
        )
        if found["status"] != "RUNNING":
            return found
    raise AssertionError("the execution does not end")


async def _check(simulation: Simulation, notes: dict[str, Any]) -> None:
    if "execution" not in notes:
        return
    found = await _see_through(simulation, notes)
    assert found["status"] == "SUCCEEDED", found
    assert json.loads(found["output"]) == OUTPUT
    history = await simulation(
        "stepfunctions",
        "GetExecutionHistory",
        executionArn=notes["execution"],
        maxResults=1000,
    )
    events = history["events"]
    assert [each["id"] for each in events] == list(range(1, len(events) + 1))
    assert all(each["previousEventId"] < each["id"] for each in events)
    counts = Counter(each["type"] for each in events)
    assert counts["ExecutionStarted"] == counts["ExecutionSucceeded"] == 1
    assert counts["WaitStateEntered"] == counts["WaitStateExited"] == 2
    assert counts["MapIterationStarted"] == counts["MapIterationSucceeded"] == 3
    assert counts["LambdaFunctionScheduled"] == counts["LambdaFunctionStarted"]
    ended = counts["LambdaFunctionSucceeded"] + counts["LambdaFunctionFailed"]
    assert ended == counts["LambdaFunctionScheduled"]
    assert counts["LambdaFunctionSucceeded"] == 4
    assert counts["TaskScheduled"] == counts["TaskSucceeded"] == 3
    # The token was asked for once, whatever was repeated.
    assert len(notes["asked"]) == 1
    await simulation.rest(60_000)
    told: Counter[str] = Counter()
    while messages := (
        await simulation("sqs", "ReceiveMessage", QueueUrl=URL + "told", MaxNumberOfMessages=10)
    ).get("Messages"):
        told.update(message["Body"] for message in messages)
    assert told["through"] == 1
    assert told["express"] == 1 or "express" not in notes


def _prepared(folder: Path) -> ScriptedCompute:
    return ScriptedCompute(folder, {"app.double": Program(_double)})


def _with_busy(compute: ScriptedCompute) -> Scenario:
    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        compute.programs["app.busy"] = Program(_Busy())
        await _scenario(simulation, notes)

    return scenario


@pytest.mark.parametrize("is_cut_again", [False, True])
async def test_executions_survive_every_cut(tmp_path: Path, is_cut_again: bool) -> None:
    compute = _prepared(tmp_path)
    lives = await crash_everywhere(
        _with_busy(compute), _check, seed=11, prepare=compute, is_cut_again=is_cut_again
    )
    assert lives > 25


async def test_an_uncut_life_ends_as_expected(tmp_path: Path) -> None:
    compute = _prepared(tmp_path)
    simulation = Simulation(3, prepare=compute)
    await simulation.start(None)
    notes: dict[str, Any] = {}
    try:
        await _with_busy(compute)(simulation, notes)
        await _check(simulation, notes)
    except PowerCut:
        pytest.fail("nobody cut the power")
    finally:
        await simulation.platform.crash()
