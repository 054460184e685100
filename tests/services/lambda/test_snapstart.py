"""SnapStart: what is refused, what a version tells of itself, what its calls wait for."""

from __future__ import annotations

import json

import pytest

from pileus.compute.log_shipping import LogShipper
from pileus.ports.nodes import Exit, ExitReason
from pileus.testing.compute import ScriptedCompute, add_function
from pileus.testing.fake_nodes import Answer, Program
from pileus.testing.platform import MemoryPlatform

from .conftest import FAILURE, Recorder, refused

ON = {"SnapStart": {"ApplyOn": "PublishedVersions"}}
SECOND_MS = 1000


def _program(**more: object) -> Program:
    return Program(lambda *_: Answer(b'"done"'), **more)  # type: ignore[arg-type]


async def _shown(platform: MemoryPlatform, version: str) -> dict:
    given = {"FunctionName": "f", "Qualifier": version}
    return await platform("lambda", "GetFunctionConfiguration", **given)


async def _published(platform: MemoryPlatform, handler: str = "app.echo", **more: object) -> dict:
    await add_function(platform, "f", handler, Runtime="python3.12", **ON, **more)
    return await platform("lambda", "PublishVersion", FunctionName="f")


async def test_only_published_versions_are_optimised(platform: MemoryPlatform) -> None:
    await _published(platform)
    await platform.clock.advance(SECOND_MS)
    latest, version = await _shown(platform, "$LATEST"), await _shown(platform, "1")
    assert latest["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    assert version["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
    await platform("lambda", "UpdateFunctionConfiguration", FunctionName="f", SnapStart={"ApplyOn": "None"})  # fmt: skip
    latest = await _shown(platform, "$LATEST")
    assert latest["SnapStart"] == {"ApplyOn": "None", "OptimizationStatus": "Off"}


async def test_a_version_is_pending_until_it_is_initialised(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    compute.programs["app.slow_init"] = _program(init_s=20.0)
    published = await _published(platform, "app.slow_init")
    assert (published["State"], published["StateReasonCode"]) == ("Pending", "Creating")
    code, status, _ = await refused(platform, "Invoke", FunctionName="f", Qualifier="1")
    assert (code, status) == ("SnapStartNotReadyException", 409)
    await platform.clock.advance(30 * SECOND_MS)
    assert (await _shown(platform, "1"))["State"] == "Active"
    await platform("lambda", "Invoke", FunctionName="f", Qualifier="1")


async def test_instances_are_copies(platform: MemoryPlatform, compute: ScriptedCompute) -> None:
    compute.programs["app.init"] = _program(init_s=5.0, restore_s=0.02)
    await _published(platform, "app.init")
    await platform.clock.advance(10 * SECOND_MS)
    for _ in range(2):
        reply = await platform("lambda", "Invoke", FunctionName="f", Qualifier="1", LogType="Tail")
        assert reply["StatusCode"] == 200
    (link,) = compute.nodes.links
    assert link.restore is not None
    environment = link.spec.environment
    assert environment["AWS_LAMBDA_INITIALIZATION_TYPE"] == "snap-start"
    assert "AWS_ACCESS_KEY_ID" not in environment
    assert environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"].endswith("/function-credentials")
    await platform.kernel.part(LogShipper).flush()
    found = await platform("logs", "FilterLogEvents", logGroupName="/aws/lambda/f")
    lines = [event["message"] for event in found["events"]]
    text = "\n".join(lines)
    assert "INIT_REPORT Init Duration: 5000.00 ms" in lines
    assert "RESTORE_REPORT Restore Duration: 20.00 ms" in lines
    first, second = [line for line in lines if line.startswith("REPORT")]
    assert "\tRestore Duration: 20.00 ms\tBilled Restore Duration: 20 ms\t" in first
    assert "Billed Duration: 20 ms" in first
    assert "Restore" not in second
    assert text.count("RESTORE_START Runtime Version: python:3.12.v1\tRuntime Version ARN: ") == 1


async def test_the_latest_version_starts_as_ever(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await _published(platform)
    await platform.clock.advance(SECOND_MS)
    await platform("lambda", "Invoke", FunctionName="f")
    (link,) = compute.nodes.links
    assert link.restore is None
    assert link.spec.environment["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"


async def test_what_stands_against_a_snapshot_is_told(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    compute.programs["app.threads"] = _program(obstacle="it left threads running")
    await _published(platform, "app.threads")
    await platform.clock.advance(SECOND_MS)
    shown = await _shown(platform, "1")
    assert shown["State"] == "Active"
    assert shown["SnapStart"]["OptimizationStatus"] == "Off"
    await platform("lambda", "Invoke", FunctionName="f", Qualifier="1")
    await platform.kernel.part(LogShipper).flush()
    found = await platform("logs", "FilterLogEvents", logGroupName="/aws/lambda/f")
    lines = [event["message"] for event in found["events"]]
    assert "SNAPSTART\tState: Off\tReason: it left threads running" in lines


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"init_error": json.dumps(FAILURE).encode()}, "FunctionError.RuntimeInitError"),
        ({"init_s": 131.0}, "FunctionError.InitTimeout"),
        ({"init_exit": Exit(ExitReason.OUT_OF_MEMORY, signal=9)},
         "FunctionError.InitResourceExhausted"),
    ],
)  # fmt: skip
async def test_a_version_that_cannot_be_initialised_fails(
    platform: MemoryPlatform, compute: ScriptedCompute, settings: dict, code: str
) -> None:
    compute.programs["app.broken"] = _program(**settings)
    await _published(platform, "app.broken")
    await platform.clock.advance(200 * SECOND_MS)
    shown = await _shown(platform, "1")
    assert (shown["State"], shown["StateReasonCode"]) == ("Failed", code)
    found, status, message = await refused(platform, "Invoke", FunctionName="f", Qualifier="1")
    assert (found, status) == ("ResourceConflictException", 409)
    assert message.endswith("The function is currently in the following state: Failed")


async def test_init_may_take_as_long_as_the_timeout(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    compute.programs["app.slow_init"] = _program(init_s=600.0)
    await _published(platform, "app.slow_init", Timeout=900)
    await platform.clock.advance(700 * SECOND_MS)
    assert (await _shown(platform, "1"))["State"] == "Active"


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"restore_error": json.dumps(FAILURE).encode()}, ("SnapStartException", 400)),
        ({"restore_s": 10.5}, ("SnapStartTimeoutException", 408)),
    ],
)
async def test_hooks_that_fail_after_a_restore_fail_the_call(
    platform: MemoryPlatform, compute: ScriptedCompute, settings: dict, error: tuple[str, int]
) -> None:
    compute.programs["app.hooked"] = _program(**settings)
    await _published(platform, "app.hooked")
    await platform.clock.advance(SECOND_MS)
    code, status, _ = await refused(platform, "Invoke", FunctionName="f", Qualifier="1")
    assert (code, status) == error


@pytest.mark.parametrize(
    ("given", "feature"),
    [
        ({"Runtime": "python3.11"}, "python3.11"),
        ({"Runtime": "nodejs22.x"}, "nodejs22.x"),
        ({"EphemeralStorage": {"Size": 513}}, "Ephemeral storage greater than 512 MB"),
        ({"FileSystemConfigs": [{"Arn": "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0", "LocalMountPath": "/mnt/a"}]}, "Amazon EFS"),
    ],
)  # fmt: skip
async def test_what_it_does_not_go_with_is_refused(
    platform: MemoryPlatform, given: dict, feature: str
) -> None:
    await add_function(platform, "f", "app.echo", Runtime="python3.12", **ON)
    told = ("InvalidParameterValueException", 400,
            f"{feature} is not supported for SnapStart enabled functions.")  # fmt: skip
    assert await refused(platform, "UpdateFunctionConfiguration", FunctionName="f", **given) == told
    await platform("lambda", "UpdateFunctionConfiguration", FunctionName="f", SnapStart={"ApplyOn": "None"})  # fmt: skip
    if "FileSystemConfigs" not in given:
        await platform("lambda", "UpdateFunctionConfiguration", FunctionName="f", **given)
        assert (
            await refused(platform, "UpdateFunctionConfiguration", FunctionName="f", **ON) == told
        )


async def test_provisioned_concurrency_is_refused(platform: MemoryPlatform) -> None:
    await _published(platform)
    await platform.clock.advance(SECOND_MS)
    assert await refused(
        platform,
        "PutProvisionedConcurrencyConfig",
        FunctionName="f",
        Qualifier="1",
        ProvisionedConcurrentExecutions=1,
    ) == (
        "InvalidParameterValueException",
        400,
        "Provisioned Concurrency is not supported for SnapStart enabled functions.",
    )


async def test_a_deleted_version_takes_its_snapshot_along(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await _published(platform)
    await platform.clock.advance(SECOND_MS)
    assert len(compute.nodes.snapshots) == 1
    await platform("lambda", "DeleteFunction", FunctionName="f", Qualifier="1")
    assert compute.nodes.snapshots == {}
    await platform("lambda", "UpdateFunctionConfiguration", FunctionName="f", Description="again")
    await platform("lambda", "PublishVersion", FunctionName="f")
    await platform.clock.advance(SECOND_MS)
    assert len(compute.nodes.snapshots) == 1
    await platform("lambda", "DeleteFunction", FunctionName="f")
    assert compute.nodes.snapshots == {}


async def test_events_that_come_too_early_are_not_lost(
    platform: MemoryPlatform, compute: ScriptedCompute, recorder: Recorder
) -> None:
    compute.programs["app.slow_init"] = Program(recorder.program().handle, init_s=20.0)
    await _published(platform, "app.slow_init")
    await platform("lambda", "Invoke", FunctionName="f", Qualifier="1", InvocationType="Event", Payload=b'"early"')  # fmt: skip
    await platform.clock.advance(400 * SECOND_MS)
    assert recorder.events == ["early"]


def _template(handler: str) -> str:
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "FunctionName": "f",
            "Runtime": "python3.12",
            "Handler": handler,
            "Role": "arn:aws:iam::000000000000:role/functions",
            "Code": {"ZipFile": "handler = None"},
            **ON,
        },
    }
    version = {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Function"}}}
    return json.dumps({"Resources": {"Function": function, "Version": version}})


async def _stack_status(platform: MemoryPlatform) -> str:
    output = await platform("cloudformation", "DescribeStacks", StackName="app")
    return str(output["Stacks"][0]["StackStatus"])


async def test_stacks_wait_for_snapshots(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    compute.programs["app.slow_init"] = _program(init_s=20.0)
    given = {"StackName": "app", "TemplateBody": _template("app.slow_init")}
    await platform("cloudformation", "CreateStack", **given)
    await platform.clock.advance(10 * SECOND_MS)
    assert await _stack_status(platform) == "CREATE_IN_PROGRESS"
    await platform.clock.advance(20 * SECOND_MS)
    assert await _stack_status(platform) == "CREATE_COMPLETE"
    assert (await _shown(platform, "1"))["State"] == "Active"


async def test_a_version_that_fails_fails_its_stack(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    compute.programs["app.broken"] = _program(init_error=json.dumps(FAILURE).encode())
    given = {"StackName": "app", "TemplateBody": _template("app.broken")}
    await platform("cloudformation", "CreateStack", **given)
    await platform.clock.advance(60 * SECOND_MS)
    assert await _stack_status(platform) == "ROLLBACK_COMPLETE"
    assert compute.nodes.snapshots == {}
