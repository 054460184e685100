"""State machines. https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html"""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.services.stepfunctions.conftest import MACHINE, ROLE, Machines, definition

from pileus.values.errors import ServiceError

DONE: dict[str, Any] = {"D": {"Type": "Succeed"}}
OTHER: dict[str, Any] = {"E": {"Type": "Succeed"}}


async def _refused(machines: Machines, operation: str, **given: Any) -> ServiceError:
    with pytest.raises(ServiceError) as raised:
        await machines(operation, **given)
    return raised.value


async def test_a_machine_is_described_as_it_was_made(machines: Machines) -> None:
    assert await machines.create(DONE, tags=[{"key": "k", "value": "v"}]) == MACHINE
    found = await machines("DescribeStateMachine", stateMachineArn=MACHINE)
    assert json.loads(found["definition"])["StartAt"] == "D"
    assert (found["type"], found["roleArn"], found["status"]) == ("STANDARD", ROLE, "ACTIVE")
    assert "revisionId" not in found
    tags = await machines("ListTagsForResource", resourceArn=MACHINE)
    assert tags["tags"] == [{"key": "k", "value": "v"}]


async def test_the_same_machine_again_is_the_same(machines: Machines) -> None:
    assert await machines.create(DONE) == await machines.create(DONE)
    error = await _refused(
        machines,
        "CreateStateMachine",
        name="m",
        definition=definition(OTHER),
        roleArn=ROLE,
    )
    assert (error.code, error.message) == (
        "StateMachineAlreadyExists",
        f"State Machine Already Exists: '{MACHINE}'",
    )


@pytest.mark.parametrize("name", ["a b", "a:b", "a/b", "a*"])
async def test_names_are_checked(machines: Machines, name: str) -> None:
    error = await _refused(
        machines, "CreateStateMachine", name=name, definition=definition(DONE), roleArn=ROLE
    )
    assert (error.code, error.message) == ("InvalidName", f"Invalid Name: '{name}'")


async def test_a_definition_is_checked(machines: Machines) -> None:
    bad = definition({"A": {"Type": "Pass", "Next": "nowhere"}})
    error = await _refused(machines, "CreateStateMachine", name="m", definition=bad, roleArn=ROLE)
    assert error.code == "InvalidDefinition"
    assert error.message.startswith("Invalid State Machine Definition: '")
    checked = await machines("ValidateStateMachineDefinition", definition=bad)
    assert checked["result"] == "FAIL"
    assert checked["diagnostics"][0]["severity"] == "ERROR"
    checked = await machines("ValidateStateMachineDefinition", definition=definition(DONE))
    assert checked == {"result": "OK", "diagnostics": [], "truncated": False}


async def test_a_role_must_let_itself_be_assumed(machines: Machines) -> None:
    role = ROLE.replace("machines", "nobody")
    error = await _refused(
        machines, "CreateStateMachine", name="m", definition=definition(DONE), roleArn=role
    )
    assert error.code == "AccessDeniedException"


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (
            {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "End": True},
            "the integration pattern .sync of ecs",
        ),
        (
            {
                "Type": "Map",
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    "StartAt": "D",
                    "States": DONE,
                },
                "End": True,
            },
            "distributed Map states",
        ),
    ],
)
async def test_what_is_not_there_yet_is_refused_by_name(
    machines: Machines, state: dict[str, Any], told: str
) -> None:
    error = await _refused(
        machines,
        "CreateStateMachine",
        name="m",
        definition=definition({"S": state}),
        roleArn=ROLE,
    )
    assert error.message == f"Pileus does not have {told} (state 'S') yet."


async def test_executions_keep_to_what_they_began_with(machines: Machines) -> None:
    wait = {"W": {"Type": "Wait", "Seconds": 5, "Next": "P"}}
    old = {**wait, "P": {"Type": "Pass", "Result": "old", "End": True}}
    new = {**wait, "P": {"Type": "Pass", "Result": "new", "End": True}}
    machine = await machines.create(old)
    before = await machines.start(machine)
    updated = await machines(
        "UpdateStateMachine", stateMachineArn=machine, definition=definition(new)
    )
    after = await machines.start(machine)
    assert json.loads((await machines.ended(before))["output"]) == "old"
    assert json.loads((await machines.ended(after))["output"]) == "new"
    was = await machines("DescribeStateMachineForExecution", executionArn=before)
    assert '"old"' in was["definition"]
    now = await machines("DescribeStateMachine", stateMachineArn=machine)
    assert now["revisionId"] == updated["revisionId"]


async def test_a_deleted_machine_takes_its_executions_along(machines: Machines) -> None:
    machine = await machines.create({"W": {"Type": "Wait", "Seconds": 5000, "End": True}})
    execution = await machines.start(machine)
    await machines("DeleteStateMachine", stateMachineArn=machine)
    await machines("DeleteStateMachine", stateMachineArn=machine)
    await machines.platform.clock.advance(1000)
    assert (await machines.describe(execution))["status"] == "ABORTED"
    error = await _refused(machines, "StartExecution", stateMachineArn=machine)
    assert error.message == f"State Machine Does Not Exist: '{machine}'"
    assert (await machines("ListStateMachines"))["stateMachines"] == []
    await machines.create(DONE)


async def test_arns_of_something_else_are_refused(machines: Machines) -> None:
    error = await _refused(machines, "DescribeStateMachine", stateMachineArn="arn:x")
    assert error.code == "InvalidArn"
    activity = MACHINE.replace("stateMachine", "activity")
    error = await _refused(machines, "DescribeStateMachine", stateMachineArn=activity)
    assert error.message == "Invalid Arn: 'Resource type not valid in this context: activity'"


async def test_tags_change(machines: Machines) -> None:
    machine = await machines.create(DONE)
    await machines("TagResource", resourceArn=machine, tags=[{"key": "a", "value": "1"}])
    await machines("TagResource", resourceArn=machine, tags=[{"key": "b", "value": "2"}])
    await machines("UntagResource", resourceArn=machine, tagKeys=["a"])
    found = await machines("ListTagsForResource", resourceArn=machine)
    assert found["tags"] == [{"key": "b", "value": "2"}]
    many = [{"key": str(n), "value": ""} for n in range(60)]
    assert (await _refused(machines, "TagResource", resourceArn=machine, tags=many)).code == (
        "TooManyTags"
    )
