"""Whenever the power goes, a stack operation is carried on: nothing twice, nothing left behind."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.fault.simulation import PowerCut, Simulation, crash_everywhere

from pileus.values.body import BytesBody

QUEUE = "AWS::SQS::Queue"
FIRST = {
    "Kept": {"Type": QUEUE, "Properties": {"VisibilityTimeout": 30}},
    "Moved": {"Type": QUEUE, "Properties": {"QueueName": "old"}},
    "Topic": {"Type": "AWS::SNS::Topic"},
    "Told": {
        "Type": "AWS::SSM::Parameter",
        "Properties": {"Type": "String", "Name": "/told", "Value": {"Ref": "Moved"}},
    },
    "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "bus"}},
}
SECOND = {
    **FIRST,
    "Kept": {"Type": QUEUE, "Properties": {"VisibilityTimeout": 60}},
    "Moved": {"Type": QUEUE, "Properties": {"QueueName": "new"}},
    "Added": {"Type": QUEUE},
}
del SECOND["Topic"]
BAD = {"Type": QUEUE, "Properties": {"VisibilityTimeout": 10**6}, "DependsOn": ["Moved", "Bus"]}


async def _at_rest(simulation: Simulation, name: str = "app") -> dict[str, Any] | None:
    """The stack once nothing is under way, or None where there is none (any more)."""
    for _ in range(100):
        found = (await simulation("cloudformation", "ListStacks"))["StackSummaries"]
        living = [s for s in found if s["StackName"] == name and s["StackStatus"][:6] != "DELETE"]
        going = [s for s in found if s["StackStatus"].endswith("IN_PROGRESS")]
        if not going:
            return living[0] if living else None
        await simulation.rest(1000)
    raise AssertionError(f"the stack never came to rest: {going}")


async def _world(simulation: Simulation) -> dict[str, set[str]]:
    """Everything that exists, by kind."""
    queues = (await simulation("sqs", "ListQueues")).get("QueueUrls", ())
    topics = (await simulation("sns", "ListTopics"))["Topics"]
    parameters = (await simulation("ssm", "DescribeParameters"))["Parameters"]
    buses = (await simulation("events", "ListEventBuses"))["EventBuses"]
    return {
        "queues": set(queues),
        "topics": {topic["TopicArn"] for topic in topics},
        "parameters": {each["Name"] for each in parameters},
        "buses": {bus["Name"] for bus in buses} - {"default"},
    }


async def _recorded(simulation: Simulation, name: str = "app") -> dict[str, set[str]]:
    """What the stack says exists."""
    output = await simulation("cloudformation", "ListStackResources", StackName=name)
    kinds = {QUEUE: "queues", "AWS::SNS::Topic": "topics", "AWS::SSM::Parameter": "parameters",
             "AWS::Events::EventBus": "buses"}  # fmt: skip
    found: dict[str, set[str]] = {kind: set() for kind in kinds.values()}
    for each in output["StackResourceSummaries"]:
        if not each["ResourceStatus"].startswith("DELETE"):
            found[kinds[each["ResourceType"]]].add(each["PhysicalResourceId"])
    return found


async def _no_event_twice(simulation: Simulation) -> None:
    output = await simulation("cloudformation", "DescribeStackEvents", StackName="app")
    ended = [
        (each["LogicalResourceId"], each["PhysicalResourceId"], each["ResourceStatus"])
        for each in output["StackEvents"]
        if each["ResourceStatus"] in ("CREATE_COMPLETE", "DELETE_COMPLETE")
        and each["LogicalResourceId"] != "app"
    ]
    assert len(ended) == len(set(ended)), f"a step was told twice: {ended}"


async def _create(simulation: Simulation, resources: dict[str, Any]) -> None:
    body = json.dumps({"Resources": resources})
    await simulation("cloudformation", "CreateStack", StackName="app", TemplateBody=body)


async def _update(simulation: Simulation, resources: dict[str, Any]) -> None:
    body = json.dumps({"Resources": resources})
    await simulation("cloudformation", "UpdateStack", StackName="app", TemplateBody=body)


@pytest.mark.parametrize("fails", [False, True])
async def test_create_goes_on(fails: bool) -> None:
    resources = {**FIRST, "Bad": BAD} if fails else FIRST

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        await _create(simulation, resources)
        notes["accepted"] = True
        await simulation.rest(5000)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        stack = await _at_rest(simulation)
        if stack is None:
            assert "accepted" not in notes, "an acknowledged stack is lost"
            assert not any((await _world(simulation)).values())
            return
        status = "ROLLBACK_COMPLETE" if fails else "CREATE_COMPLETE"
        assert stack["StackStatus"] == status, stack
        assert await _world(simulation) == await _recorded(simulation)
        await _no_event_twice(simulation)

    assert await crash_everywhere(scenario, check, 1) > 10


@pytest.mark.parametrize("fails", [False, True])
async def test_update_goes_on(fails: bool) -> None:
    second = {**SECOND, "Bad": BAD} if fails else SECOND

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        await _create(simulation, FIRST)
        await simulation.rest(2000)
        notes["old"] = await _recorded(simulation)
        await _update(simulation, second)
        notes["accepted"] = True
        await simulation.rest(5000)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        stack = await _at_rest(simulation)
        if stack is None or "old" not in notes:
            return
        allowed = {"UPDATE_ROLLBACK_COMPLETE" if fails else "UPDATE_COMPLETE"}
        if "accepted" not in notes:
            allowed.add("CREATE_COMPLETE")
        assert stack["StackStatus"] in allowed, stack
        world = await _world(simulation)
        assert world == await _recorded(simulation)
        if stack["StackStatus"] == "UPDATE_COMPLETE":
            assert world["topics"] == set()
            assert len(world["queues"]) == 3
        else:
            assert world == notes["old"]
        await _no_event_twice(simulation)

    assert await crash_everywhere(scenario, check, 2) > 20


async def test_delete_goes_on() -> None:
    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        await _create(simulation, FIRST)
        await simulation.rest(2000)
        notes["asked"] = True
        await simulation("cloudformation", "DeleteStack", StackName="app")
        notes["accepted"] = True
        await simulation.rest(3000)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        stack = await _at_rest(simulation)
        world = await _world(simulation)
        if stack is not None:
            assert "accepted" not in notes, "an acknowledged deletion was forgotten"
            assert world == await _recorded(simulation)
        else:
            assert not any(world.values()), world

    assert await crash_everywhere(scenario, check, 3) > 15


async def test_second_cut_while_resuming() -> None:
    """The power goes again while the second life carries on what the first had begun."""
    for first in range(4, 20, 3):
        for second in range(1, 12, 2):
            simulation = Simulation(1)
            await simulation.start(first)
            try:
                await _create(simulation, {**FIRST, "Bad": BAD})
                await simulation.rest(5000)
            except PowerCut:
                pass
            await simulation.come_back()
            state = simulation.disks.state
            state.crash_at = state.commits + second
            try:
                await simulation.rest(5000)
            except PowerCut:
                pass
            await simulation.come_back()
            stack = await _at_rest(simulation)
            if stack is not None:
                assert stack["StackStatus"] == "ROLLBACK_COMPLETE", (first, second, stack)
            assert not any((await _world(simulation)).values()), (first, second)
            await simulation.platform.crash()


async def test_nested_stack_goes_on() -> None:
    child = {"Resources": {"Q": {"Type": QUEUE}}, "Outputs": {"Url": {"Value": {"Ref": "Q"}}}}
    resources = {
        "Child": {
            "Type": "AWS::CloudFormation::Stack",
            "Properties": {"TemplateURL": "http://127.0.0.1:4566/templates/child.json"},
        },
        "Told": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {
                "Type": "String",
                "Name": "/told",
                "Value": {"Fn::GetAtt": ["Child", "Outputs.Url"]},
            },
        },
    }

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        kernel, context = simulation.platform.kernel, simulation.platform.context
        await simulation("s3", "CreateBucket", Bucket="templates")
        given = {"Bucket": "templates", "Key": "child.json"}
        body = BytesBody(json.dumps(child).encode())
        put = asyncio.ensure_future(kernel.invoke(context, "s3", "PutObject", given, body))
        await simulation.rest(1000)
        await put
        await _create(simulation, resources)
        notes["accepted"] = True
        await simulation.rest(5000)
        notes["asked"] = True
        await simulation("cloudformation", "DeleteStack", StackName="app")
        notes["deleted"] = True
        await simulation.rest(5000)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        stack = await _at_rest(simulation)
        world = await _world(simulation)
        if stack is None:
            assert "asked" in notes or "accepted" not in notes, "an acknowledged stack is lost"
            assert not any(world.values()), world
            return
        assert "deleted" not in notes
        assert stack["StackStatus"] == "CREATE_COMPLETE", stack
        assert len(world["queues"]) == 1
        assert world["parameters"] == {"/told"}
        found = (await simulation("cloudformation", "DescribeStacks"))["Stacks"]
        assert len(found) == 2

    assert await crash_everywhere(scenario, check, 4) > 25
