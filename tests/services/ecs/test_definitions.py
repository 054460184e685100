"""Task definitions, clusters and tags."""

from __future__ import annotations

from typing import Any

import pytest
from tests.services.ecs.conftest import Bench, container

from pileus.values.errors import ServiceError

FARGATE = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc"}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"containerDefinitions": []}, "Container list cannot be empty."),
    (
        {"containerDefinitions": [{"name": "a", "image": "i"}]},
        "Invalid setting for container 'a'. At least one of 'memory' or 'memoryReservation' must "
        "be specified.",
    ),
    ({**FARGATE, "memory": "512"}, "Fargate requires that 'cpu' be defined at the task level."),
    ({**FARGATE, "cpu": "256"}, "Fargate requires that 'memory' be defined at the task level."),
    (
        {**FARGATE, "cpu": "256", "memory": "4096"},
        "No Fargate configuration exists for given values: 256 CPU, 4096 memory. See the Amazon "
        "ECS documentation for the valid values.",
    ),
    (
        {"requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"},
        "Fargate only supports network mode ‘awsvpc’.",
    ),
    (
        {"containerDefinitions": [container(mountPoints=[{"sourceVolume": "v"}])]},
        "Unknown volume 'v'.",
    ),
    (
        {"containerDefinitions": [container(secrets=[{"name": "a", "valueFrom": "b"}])]},
        "When you are specifying container secrets, you must also specify a value for "
        "'executionRoleArn'.",
    ),
]


@pytest.mark.parametrize(("given", "message"), REFUSED)
async def test_refusals(bench: Bench, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ServiceError) as refused:
        await bench(
            "RegisterTaskDefinition",
            **{"family": "f", "containerDefinitions": [container()], **given},
        )
    assert (refused.value.code, refused.value.message) == ("ClientException", message)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"links": ["b"]}, "links between containers"),
        ({"privileged": True}, "privileged containers"),
        ({"logConfiguration": {"logDriver": "splunk"}}, "the log driver splunk"),
    ],
)
async def test_what_is_not_there_is_named(bench: Bench, more: dict[str, Any], named: str) -> None:
    with pytest.raises(ServiceError, match="UnsupportedFeatureException") as refused:
        await bench.define(container(**more))
    assert named in refused.value.message


async def test_revisions(bench: Bench) -> None:
    first, second = await bench.define(), await bench.define()
    assert first.endswith("task-definition/f:1")
    assert second.endswith("task-definition/f:2")
    told = (await bench("DescribeTaskDefinition", taskDefinition="f"))["taskDefinition"]
    assert (told["revision"], told["status"]) == (2, "ACTIVE")
    await bench("DeregisterTaskDefinition", taskDefinition="f:2")
    told = (await bench("DescribeTaskDefinition", taskDefinition="f"))["taskDefinition"]
    assert told["revision"] == 1
    assert (await bench("ListTaskDefinitions"))["taskDefinitionArns"] == [first]
    listed = await bench("ListTaskDefinitions", status="INACTIVE")
    assert listed["taskDefinitionArns"] == [second]
    assert (await bench("ListTaskDefinitionFamilies"))["families"] == ["f"]
    with pytest.raises(ServiceError, match="TaskDefinition is inactive"):
        await bench("RunTask", taskDefinition="f:2")
    deleted = await bench("DeleteTaskDefinitions", taskDefinitions=["f:1", "f:2"])
    assert len(deleted["taskDefinitions"]) == len(deleted["failures"]) == 1


async def test_sizes_in_words(bench: Bench) -> None:
    given = {**FARGATE, "cpu": ".5 vCPU", "memory": "1 GB"}
    arn = await bench.define(**given)
    told = (await bench("DescribeTaskDefinition", taskDefinition=arn))["taskDefinition"]
    assert (told["cpu"], told["memory"]) == ("512", "1024")
    assert told["compatibilities"] == ["EC2", "FARGATE"]


async def test_circular_dependencies_are_refused(bench: Bench) -> None:
    def needs(name: str) -> list[dict[str, str]]:
        return [{"containerName": name, "condition": "START"}]

    with pytest.raises(ServiceError, match="circular"):
        await bench.define(
            container("a", dependsOn=needs("b")), container("b", dependsOn=needs("a"))
        )


async def test_clusters(bench: Bench) -> None:
    made = await bench("CreateCluster", clusterName="c", tags=[{"key": "a", "value": "1"}])
    arn = made["cluster"]["clusterArn"]
    assert arn == "arn:aws:ecs:us-east-1:000000000000:cluster/c"
    assert (await bench("ListTagsForResource", resourceArn=arn))["tags"] == [
        {"key": "a", "value": "1"}
    ]
    await bench("TagResource", resourceArn=arn, tags=[{"key": "b", "value": "2"}])
    await bench("UntagResource", resourceArn=arn, tagKeys=["a"])
    told = await bench("DescribeClusters", clusters=["c", "none"], include=["TAGS"])
    assert told["clusters"][0]["tags"] == [{"key": "b", "value": "2"}]
    assert told["failures"][0]["reason"] == "MISSING"
    assert len((await bench("ListClusters"))["clusterArns"]) == 2
    await bench("DeleteCluster", cluster="c")
    assert len((await bench("ListClusters"))["clusterArns"]) == 1


async def test_a_cluster_with_tasks_stays(bench: Bench) -> None:
    await bench.run(container())
    with pytest.raises(ServiceError, match="ClusterContainsTasksException"):
        await bench("DeleteCluster", cluster="default")
