"""GPUs of tasks, on a scripted node that claims two."""

from __future__ import annotations

from typing import Any

import pytest
from tests.services.ecs.conftest import Bench, container

from pileus.values.errors import ServiceError


def _wanting(count: object, name: str = "main", **more: Any) -> dict[str, Any]:
    wanted = [{"type": "GPU", "value": str(count)}]
    return container(name, resourceRequirements=wanted, **more)


async def test_each_task_has_its_own(bench_with_gpus: Bench) -> None:
    bench = bench_with_gpus
    first = await bench.run(_wanting(1))
    second = await bench.run(_wanting(1))
    told = [(await bench.task(arn))["containers"][0]["gpuIds"] for arn in (first, second)]
    assert sorted(told) == [["GPU-0"], ["GPU-1"]]
    refused = await bench("RunTask", taskDefinition="f")
    assert refused["failures"][0]["reason"] == "RESOURCE:GPU"
    assert refused["failures"][0]["detail"] == "1 GPUs asked, 0 of 2 left"
    await bench("StopTask", task=first)
    await bench.advance(1)
    third = await bench.run(_wanting(1))
    assert (await bench.task(third))["containers"][0]["gpuIds"] == told[0]


async def test_what_was_promised_a_moment_ago_counts(bench_with_gpus: Bench) -> None:
    bench = bench_with_gpus
    await bench.define(_wanting(1))
    told = await bench("RunTask", taskDefinition="f", count=2)
    assert len(told["tasks"]) == 2
    assert (await bench("RunTask", taskDefinition="f"))["failures"]


async def test_more_than_there_are(bench_with_gpus: Bench) -> None:
    await bench_with_gpus.define(_wanting(2), _wanting(1, "beside"))
    told = await bench_with_gpus("RunTask", taskDefinition="f")
    detail = told["failures"][0]["detail"]
    assert detail == "3 GPUs asked, 2 on the node that has most"


async def test_an_override_asks_for_another_number(bench_with_gpus: Bench) -> None:
    bench = bench_with_gpus
    wanted = [{"type": "GPU", "value": "2"}]
    over = {"containerOverrides": [{"name": "main", "resourceRequirements": wanted}]}
    arn = await bench.run(_wanting(1), overrides=over)
    assert (await bench.task(arn))["containers"][0]["gpuIds"] == ["GPU-0", "GPU-1"]
    wanted[0]["value"] = "many"
    with pytest.raises(ServiceError, match="GPU must be a number"):
        await bench("RunTask", taskDefinition="f", overrides=over)


async def test_the_next_platform_knows_who_has_which(bench_with_gpus: Bench) -> None:
    bench = bench_with_gpus
    arn = await bench.run(_wanting(1))
    await bench.again()
    assert (await bench.task(arn))["containers"][0]["gpuIds"] == ["GPU-0"]
    other = await bench.run(_wanting(1))
    assert (await bench.task(other))["containers"][0]["gpuIds"] == ["GPU-1"]


async def test_a_service_says_why_its_task_did_not_start(bench: Bench) -> None:
    await bench.define(_wanting(1))
    await bench("CreateService", serviceName="s", taskDefinition="f", desiredCount=1)
    await bench.advance(0.5)
    (arn, *_) = (await bench("ListTasks", desiredStatus="STOPPED"))["taskArns"]
    task = await bench.task(arn)
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].endswith("no GPU on any node")


@pytest.mark.parametrize("value", ["", "0", "x", "-1"])
async def test_a_number_is_wanted(bench: Bench, value: str) -> None:
    with pytest.raises(ServiceError, match="GPU must be a number"):
        await bench.define(_wanting(value))
