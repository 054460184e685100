"""What other rooms do with tasks: rules that run them, stacks that hold them."""

from __future__ import annotations

import json

import pytest
from tests.services.ecs.conftest import Bench, container

from pileus.values.errors import ServiceError

CLUSTER = "arn:aws:ecs:us-east-1:000000000000:cluster/default"


async def test_a_rule_runs_a_task(bench: Bench) -> None:
    definition = await bench.define()
    pattern = json.dumps({"source": ["me"]})
    await bench("PutRule", "events", Name="r", EventPattern=pattern)
    target = {"Id": "1", "Arn": CLUSTER}
    with pytest.raises(ServiceError, match="EcsParameters must be specified"):
        await bench("PutTargets", "events", Rule="r", Targets=[target])
    override = {"containerOverrides": [{"name": "main", "environment": [
        {"name": "KEY", "value": "<key>"}]}]}  # fmt: skip
    transformer = {"InputPathsMap": {"key": "$.detail.key"}, "InputTemplate": json.dumps(override)}
    parameters = {"TaskDefinitionArn": definition, "TaskCount": 2}
    target |= {"EcsParameters": parameters, "InputTransformer": transformer}
    await bench("PutTargets", "events", Rule="r", Targets=[target])
    entry = {"Source": "me", "DetailType": "t", "Detail": json.dumps({"key": "v1"})}
    await bench("PutEvents", "events", Entries=[entry])
    await bench.advance(1)
    assert len(bench.running) == 2
    task = next(iter(bench.tasks.host.tasks.values()))
    assert task.containers["main"].spec.environment["KEY"] == "v1"


TEMPLATE = {
    "Resources": {
        "Cluster": {"Type": "AWS::ECS::Cluster"},
        "Definition": {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {
                "Family": "web",
                "Cpu": 256,
                "Memory": "512",
                "ContainerDefinitions": [
                    {
                        "Name": "main",
                        "Image": "forever",
                        "Essential": "true",
                        "Environment": [{"Name": "A", "Value": "1"}],
                        "PortMappings": [{"ContainerPort": "80"}],
                    }
                ],
            },
        },
        "Service": {
            "Type": "AWS::ECS::Service",
            "Properties": {
                "Cluster": {"Ref": "Cluster"},
                "DesiredCount": 2,
                "TaskDefinition": {"Ref": "Definition"},
            },
        },
    },
    "Outputs": {"Name": {"Value": {"Fn::GetAtt": ["Service", "Name"]}}},
}


async def _settled(bench: Bench, name: str) -> str:
    for _ in range(100):
        await bench.advance(1)
        told = await bench("DescribeStacks", "cloudformation", StackName=name)
        status = str(told["Stacks"][0]["StackStatus"])
        if not status.endswith("IN_PROGRESS"):
            return status
    raise AssertionError(status)


async def test_a_stack_with_a_service(bench: Bench) -> None:
    body = json.dumps(TEMPLATE)
    told = await bench("CreateStack", "cloudformation", StackName="st", TemplateBody=body)
    assert await _settled(bench, "st") == "CREATE_COMPLETE"
    assert len(bench.running) == 2
    spec = next(iter(bench.tasks.host.tasks.values())).containers["main"].spec
    assert spec.environment["A"] == "1"
    changed = json.loads(body)
    definition = changed["Resources"]["Definition"]["Properties"]
    definition["ContainerDefinitions"][0]["Image"] = "healthy"
    changed["Resources"]["Service"]["Properties"]["DesiredCount"] = 1
    await bench("UpdateStack", "cloudformation", StackName="st", TemplateBody=json.dumps(changed))
    assert await _settled(bench, "st") == "UPDATE_COMPLETE"
    await bench.advance(1)
    (task,) = bench.tasks.host.tasks.values()
    assert task.containers["main"].spec.lowers == ("/images/healthy",)
    await bench("DeleteStack", "cloudformation", StackName=told["StackId"])
    for _ in range(20):
        await bench.advance(1)
    assert bench.running == []
    clusters = (await bench("ListClusters"))["clusterArns"]
    assert clusters == [CLUSTER]


async def test_layers_are_held_while_a_task_runs(bench: Bench) -> None:
    arn = await bench.run(container(image="long"))
    task_id = arn.rpartition("/")[2]
    assert bench.tasks.images.held == {task_id}
    await bench.again()
    assert bench.tasks.images.held == {task_id}
    await bench.advance(61)
    assert bench.tasks.images.held == set()
