"""Services: a number of tasks kept alive, and rolled from one definition to the next."""

from __future__ import annotations

import pytest
from tests.services.ecs.conftest import Bench, container

from pileus.values.errors import ServiceError


async def _create(bench: Bench, count: int = 2, **more: object) -> None:
    await bench("CreateService", serviceName="s", taskDefinition="f", desiredCount=count, **more)
    await bench.advance(0.5)


async def test_the_wished_number_runs(bench: Bench) -> None:
    await bench.define()
    await _create(bench, 3)
    told = await bench.service()
    assert (told["runningCount"], told["pendingCount"]) == (3, 0)
    assert told["deployments"][0]["rolloutState"] == "COMPLETED"
    messages = [event["message"] for event in told["events"]]
    assert messages[0] == "(service s) has reached a steady state."
    assert messages[-1].startswith("(service s) has started 3 tasks: (task ")
    assert len(bench.running) == 3


async def test_a_task_that_dies_is_replaced(bench: Bench) -> None:
    await bench.define(container(image="long"))
    await _create(bench, 1)
    await bench.advance(61)
    assert len(bench.tasks.host.starts) == 2
    assert (await bench.service())["runningCount"] == 1


async def test_a_stopped_task_is_replaced(bench: Bench) -> None:
    await bench.define()
    await _create(bench, 1)
    (first,) = (await bench("ListTasks", serviceName="s"))["taskArns"]
    await bench("StopTask", task=first)
    await bench.advance(1)
    (second,) = (await bench("ListTasks", serviceName="s"))["taskArns"]
    assert second != first
    assert len(bench.running) == 1


async def test_scaling(bench: Bench) -> None:
    await bench.define()
    await _create(bench, 3)
    await bench("UpdateService", service="s", desiredCount=1)
    await bench.advance(1)
    assert len(bench.running) == 1
    stopped = (await bench("ListTasks", desiredStatus="STOPPED"))["taskArns"]
    told = await bench.task(stopped[0])
    assert told["stopCode"] == "ServiceSchedulerInitiated"
    assert told["stoppedReason"].startswith("Scaling activity initiated by (deployment ecs-svc/")


@pytest.mark.parametrize(("least", "most"), [(100, 200), (50, 100), (0, 100), (100, 150)])
async def test_a_rolling_update_keeps_within_its_bounds(
    bench: Bench, least: int, most: int
) -> None:
    await bench.define()
    configuration = {"minimumHealthyPercent": least, "maximumPercent": most}
    await _create(bench, 4, deploymentConfiguration=configuration)
    await bench.define(container(image="healthy"))
    await bench("UpdateService", service="s", taskDefinition="f:2")
    for _ in range(60):
        await bench.advance(0.05)
        assert len(bench.running) <= 4 * most // 100
        assert len(bench.running) >= 4 * least // 100
    told = await bench.service()
    assert len(told["deployments"]) == 1
    assert told["taskDefinition"].endswith("f:2")
    assert told["deployments"][0]["rolloutState"] == "COMPLETED"
    images = {
        one.spec.lowers[0]
        for task in bench.tasks.host.tasks.values()
        for one in task.containers.values()
    }
    assert images == {"/images/healthy"}


async def test_the_circuit_breaker_rolls_back(bench: Bench) -> None:
    await bench.define()
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    await _create(bench, 2, deploymentConfiguration=breaker)
    await bench.define(container(image="absent"))
    await bench("UpdateService", service="s", taskDefinition="f:2")
    await bench.advance(60)
    told = await bench.service()
    assert told["taskDefinition"].endswith("f:1")
    assert told["runningCount"] == 2
    assert told["deployments"][0]["rolloutState"] == "COMPLETED"
    assert any("deployment failed: tasks failed to start" in one["message"]
               for one in told["events"])  # fmt: skip
    assert len(bench.running) == 2


async def test_a_failing_service_does_not_spin(bench: Bench) -> None:
    await bench.define(container(image="absent"))
    await _create(bench, 1)
    await bench.advance(600)
    told = await bench.service()
    assert any("unable to consistently start tasks" in one["message"] for one in told["events"])
    stopped = (await bench("ListTasks", desiredStatus="STOPPED"))["taskArns"]
    assert 5 < len(stopped) < 20


async def test_a_sick_task_is_replaced(bench: Bench) -> None:
    check = {"command": ["CMD", "x"], "interval": 5, "retries": 2}
    await bench.define(container(image="sick", healthCheck=check))
    await _create(bench, 1)
    await bench.advance(11)
    (stopped,) = (await bench("ListTasks", desiredStatus="STOPPED"))["taskArns"]
    told = await bench.task(stopped)
    assert told["stoppedReason"] == "Task failed container health checks"


async def test_deleting(bench: Bench) -> None:
    await bench.define()
    await _create(bench, 2)
    with pytest.raises(ServiceError, match="scaled above 0"):
        await bench("DeleteService", service="s")
    told = await bench("DeleteService", service="s", force=True)
    assert told["service"]["status"] == "DRAINING"
    await bench.advance(1)
    assert bench.running == []
    assert (await bench.service())["status"] == "INACTIVE"
    assert (await bench("ListServices"))["serviceArns"] == []
    await _create(bench, 1)
    assert len(bench.running) == 1


async def test_a_service_goes_on_after_a_crash(bench: Bench) -> None:
    await bench.define()
    await _create(bench, 2)
    await bench.again()
    assert (await bench.service())["runningCount"] == 2
    assert len(bench.tasks.host.starts) == 2
    bench.tasks.host.reboot()
    await bench.again()
    await bench.advance(2)
    assert (await bench.service())["runningCount"] == 2
    assert len(bench.running) == 2


async def test_what_is_not_there_is_named(bench: Bench) -> None:
    await bench.define()
    balancers = [{"targetGroupArn": "x", "containerName": "main", "containerPort": 80}]
    with pytest.raises(ServiceError, match="load balancers"):
        await _create(bench, loadBalancers=balancers)
