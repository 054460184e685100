"""The power goes at every commit: no accepted task is lost, none runs twice."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from pileus.ports.nodes import Exit, ExitReason
from pileus.testing.fake_tasks import ContainerProgram
from pileus.testing.tasks import ScriptedTasks
from tests.fault.simulation import Simulation, crash_everywhere

PROGRAMS = {
    "brief": ContainerProgram(2.0, output=((0.5, "half"), (1.9, "whole"))),
    "fails": ContainerProgram(1.0, Exit(ExitReason.EXITED, code=3)),
    "forever": ContainerProgram(),
}


def _container(name: str, image: str, **more: Any) -> dict[str, Any]:
    options = {"awslogs-group": "g", "awslogs-stream-prefix": "p", "awslogs-create-group": "true"}
    log = {"logDriver": "awslogs", "options": options}
    return {"name": name, "image": image, "memory": 64, "logConfiguration": log, **more}


async def _run(simulation: Simulation, notes: dict[str, Any]) -> None:
    await simulation("ecs", "CreateCluster")
    needs = [{"containerName": "first", "condition": "COMPLETE"}]
    containers = [
        _container("first", "fails", essential=False),
        _container("main", "brief", dependsOn=needs),
    ]
    await simulation("ecs", "RegisterTaskDefinition", family="f", containerDefinitions=containers)
    for _ in range(2):
        told = await simulation("ecs", "RunTask", taskDefinition="f")
        notes.setdefault("tasks", []).append(told["tasks"][0]["taskArn"])
        await simulation.rest(700)
    await simulation.rest(4000)


async def _check(simulation: Simulation, notes: dict[str, Any]) -> None:
    prepare = simulation.prepare
    assert isinstance(prepare, ScriptedTasks)
    await simulation.platform.clock.advance(10_000)
    starts = Counter(prepare.host.starts)
    prepare.host.starts.clear()
    assert all(count == 1 for count in starts.values()), starts
    assert prepare.host.tasks == {}
    for arn in notes.get("tasks", ()):
        told = (await simulation("ecs", "DescribeTasks", tasks=[arn]))["tasks"][0]
        assert told["lastStatus"] == "STOPPED", told
        assert told["stopCode"] == "EssentialContainerExited"
        assert [one["exitCode"] for one in told["containers"]] == [3, 0]
        assert {name for task, name in starts if arn.endswith(task)} == {"first", "main"}
        found = await simulation(
            "logs",
            "GetLogEvents",
            logGroupName="g",
            logStreamName=f"p/main/{arn.rpartition('/')[2]}",
            startFromHead=True,
        )
        messages = [event["message"] for event in found["events"]]
        assert set(messages) == {"half", "whole"}


@pytest.mark.parametrize("is_cut_again", [False, True])
async def test_no_accepted_task_is_lost_or_run_twice(seed: int, is_cut_again: bool) -> None:
    tasks = ScriptedTasks(PROGRAMS)
    lives = await crash_everywhere(_run, _check, seed, prepare=tasks, is_cut_again=is_cut_again)
    assert lives > 20


async def _serve(simulation: Simulation, notes: dict[str, Any]) -> None:
    await simulation("ecs", "CreateCluster")
    for image in ("forever", "forever"):
        await simulation(
            "ecs",
            "RegisterTaskDefinition",
            family="f",
            containerDefinitions=[_container("main", image)],
        )
    await simulation("ecs", "CreateService", serviceName="s", taskDefinition="f:1", desiredCount=2)
    notes["definition"] = "f:1"
    await simulation.rest(500)
    await simulation("ecs", "UpdateService", service="s", taskDefinition="f:2")
    notes["definition"] = "f:2"
    await simulation.rest(1000)


async def _check_service(simulation: Simulation, notes: dict[str, Any]) -> None:
    prepare = simulation.prepare
    assert isinstance(prepare, ScriptedTasks)
    await simulation.platform.clock.advance(5_000)
    if "definition" not in notes:
        for task in list(prepare.host.tasks):
            del prepare.host.tasks[task]
        return
    told = (await simulation("ecs", "DescribeServices", services=["s"]))["services"][0]
    assert told["runningCount"] == 2
    assert len(prepare.host.running) == 2
    assert len(told["deployments"]) == 1
    if notes["definition"] == "f:2":
        assert told["taskDefinition"].endswith("f:2")
    prepare.host.tasks.clear()


async def test_a_service_gets_what_it_wants(seed: int) -> None:
    tasks = ScriptedTasks(PROGRAMS)
    lives = await crash_everywhere(_serve, _check_service, seed, prepare=tasks)
    assert lives > 20
