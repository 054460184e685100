"""Provisioned concurrency: what is kept, for whom, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pileus.compute.pools import PoolSettings
from pileus.compute.scaling import ScalingLimits
from pileus.testing.compute import ScriptedCompute, add_function, add_role
from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError

from .conftest import Recorder, programs, refused


@pytest.fixture
async def published(platform: MemoryPlatform) -> MemoryPlatform:
    """Function ``f`` with versions 1 and 2 and alias ``live`` upon 1."""
    await add_function(platform, "f", "app.echo", Publish=True)
    given = {"FunctionName": "f", "Description": "second"}
    await platform("lambda", "UpdateFunctionConfiguration", **given)
    await platform("lambda", "PublishVersion", FunctionName="f")
    given = {"FunctionName": "f", "Name": "live", "FunctionVersion": "1"}
    await platform("lambda", "CreateAlias", **given)
    return platform


async def put(platform: MemoryPlatform, qualifier: str, count: int) -> dict:
    given = {"FunctionName": "f", "Qualifier": qualifier}
    made = await platform(
        "lambda", "PutProvisionedConcurrencyConfig", ProvisionedConcurrentExecutions=count, **given
    )
    await platform.clock.advance(1000)
    return made


async def get(platform: MemoryPlatform, qualifier: str) -> tuple[int, int, str]:
    given = {"FunctionName": "f", "Qualifier": qualifier}
    found = await platform("lambda", "GetProvisionedConcurrencyConfig", **given)
    assert (
        found["AllocatedProvisionedConcurrentExecutions"]
        == found["AvailableProvisionedConcurrentExecutions"]
    )
    return (
        found["RequestedProvisionedConcurrentExecutions"],
        found["AvailableProvisionedConcurrentExecutions"],
        found["Status"],
    )


async def test_instances_are_there_before_the_first_call(
    published: MemoryPlatform, compute: ScriptedCompute, recorder: Recorder
) -> None:
    made = await put(published, "2", 3)
    assert (made["Status"], made["AvailableProvisionedConcurrentExecutions"]) == ("IN_PROGRESS", 0)
    assert await get(published, "2") == (3, 3, "READY")
    assert compute.nodes.running_count == 3
    kinds = {
        link.spec.environment["AWS_LAMBDA_INITIALIZATION_TYPE"] for link in compute.nodes.links
    }
    assert kinds == {"provisioned-concurrency"}
    await published("lambda", "Invoke", FunctionName="f", Qualifier="2")
    assert compute.nodes.running_count == 3
    await published.clock.advance(3_600_000)
    assert compute.nodes.running_count == 3
    listed = await published("lambda", "ListProvisionedConcurrencyConfigs", FunctionName="f")
    (one,) = listed["ProvisionedConcurrencyConfigs"]
    assert one["FunctionArn"].endswith(":function:f:2")
    await published("lambda", "DeleteProvisionedConcurrencyConfig", FunctionName="f", Qualifier="2")
    await published.clock.advance(3_600_000)
    assert compute.nodes.running_count == 0
    code, status, _ = await refused(
        published, "GetProvisionedConcurrencyConfig", FunctionName="f", Qualifier="2"
    )
    assert (code, status) == ("ProvisionedConcurrencyConfigNotFoundException", 404)


async def test_they_follow_an_alias(published: MemoryPlatform, compute: ScriptedCompute) -> None:
    await put(published, "live", 2)
    assert await get(published, "live") == (2, 2, "READY")
    given = {"FunctionName": "f", "Name": "live", "FunctionVersion": "2"}
    await published("lambda", "UpdateAlias", **given)
    await published.clock.advance(3_600_000)
    assert await get(published, "live") == (2, 2, "READY")
    alive = {link.spec.name for link in compute.nodes.links if not link.exited.done()}
    assert alive == {"000000000000/us-east-1/f:2"}
    await published("lambda", "DeleteAlias", FunctionName="f", Name="live")
    await published.clock.advance(3_600_000)
    assert compute.nodes.running_count == 0


async def test_what_fails_is_told(platform: MemoryPlatform, compute: ScriptedCompute) -> None:
    await add_function(platform, "f", "app.echo", Publish=True, MemorySize=1024)
    compute.nodes.memory_mb = 2048
    await put(platform, "1", 3)
    given = {"FunctionName": "f", "Qualifier": "1"}
    found = await platform("lambda", "GetProvisionedConcurrencyConfig", **given)
    assert (found["Status"], found["AvailableProvisionedConcurrentExecutions"]) == ("FAILED", 2)
    assert found["StatusReason"]
    compute.nodes.memory_mb = 0
    await put(platform, "1", 3)
    assert await get(platform, "1") == (3, 3, "READY")


async def test_what_is_refused(published: MemoryPlatform) -> None:
    def asking(qualifier: str, count: int = 1) -> dict:
        return {
            "FunctionName": "f", "Qualifier": qualifier, "ProvisionedConcurrentExecutions": count,
        }  # fmt: skip

    operation = "PutProvisionedConcurrencyConfig"
    latest = await refused(published, operation, **asking("$LATEST"))
    assert latest[2].startswith("Provisioned Concurrency Configs cannot be applied to unpublished")
    assert (await refused(published, operation, **asking("9")))[1] == 404
    assert (
        "below its minimum value of [100]"
        in (await refused(published, operation, **asking("2", 901)))[2]
    )
    await put(published, "live", 1)
    assert (await refused(published, operation, **asking("1")))[2] == (
        "Version is pointed by a Provisioned Concurrency alias"
    )
    given = {"FunctionName": "f", "ReservedConcurrentExecutions": 2}
    await published("lambda", "PutFunctionConcurrency", **given)
    assert (await refused(published, operation, **asking("2", 2)))[2] == (
        "Requested Provisioned Concurrency should not be greater than the "
        "reservedConcurrentExecution for function"
    )


async def test_a_deleted_function_keeps_nothing(
    published: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await put(published, "live", 2)
    await published("lambda", "DeleteFunction", FunctionName="f")
    await published.clock.advance(1000)
    assert compute.nodes.running_count == 0


async def test_a_raised_quota_counts_everywhere(tmp_path: Path) -> None:
    limits = ScalingLimits(account_concurrency=3000)
    scripted = ScriptedCompute(tmp_path, programs(Recorder()), PoolSettings(limits=limits))
    platform = await MemoryPlatform.start(prepare=scripted)
    await add_role(platform)
    await add_function(platform, "f", "app.echo", Publish=True)
    limit = (await platform("lambda", "GetAccountSettings"))["AccountLimit"]
    assert (limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]) == (3000, 3000)
    given = {"FunctionName": "f", "ReservedConcurrentExecutions": 2900}
    await platform("lambda", "PutFunctionConcurrency", **given)
    given["ReservedConcurrentExecutions"] = 2901
    assert "[100]" in (await refused(platform, "PutFunctionConcurrency", **given))[2]
    await platform.crash()


async def test_ten_requests_a_second_for_each_of_them(published: MemoryPlatform) -> None:
    await put(published, "live", 1)
    began_ms = published.clock.now_ms()
    given = {"FunctionName": "f", "Qualifier": "live", "Payload": b"1"}
    for _ in range(10):
        await published.kernel.invoke(published.context, "lambda", "Invoke", given)
    with pytest.raises(ServiceError) as caught:
        await published.kernel.invoke(published.context, "lambda", "Invoke", given)
    assert (caught.value.code, caught.value.status) == ("TooManyRequestsException", 429)
    assert dict(caught.value.fields or {})["Reason"] == "FunctionInvocationRateLimitExceeded"
    assert published.clock.now_ms() == began_ms, "no time went by"
    await published.clock.advance(1000)
    await published.kernel.invoke(published.context, "lambda", "Invoke", given)
