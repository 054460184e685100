"""Rotation: the four steps through the door, their schedule, failures and restarts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pileus.testing.compute import ScriptedCompute, add_function, add_role
from pileus.testing.fake_nodes import Answer, Program
from pileus.testing.platform import Disks, MemoryPlatform
from pileus.values.errors import ServiceError
from pileus.values.times import iso8601

DAY_MS = 24 * 3600 * 1000
HOUR_MS = 3600 * 1000


class Rotator:
    """What AWS's template of a rotation function does, asking the platform it runs on."""

    def __init__(self) -> None:
        self.platform: MemoryPlatform
        self.steps: list[str] = []
        self.fails: list[str] = []

    def __call__(self, invocation: Any, *_: Any) -> Answer:
        event = json.loads(invocation.payload)
        self.steps.append(event["Step"])
        if event["Step"] in self.fails:
            self.fails.remove(event["Step"])
            return Answer(b'{"errorMessage": "no"}', is_error=True)
        return Answer(b"null")


@pytest.fixture
async def rotator(tmp_path: Path) -> Rotator:
    rotator = Rotator()
    compute = ScriptedCompute(tmp_path, {"app.rotate": Program(rotator)})
    rotator.platform = await MemoryPlatform.start(Disks(), prepare=compute)
    await add_role(rotator.platform)
    await add_function(rotator.platform, "rotate", "app.rotate")
    await call(rotator, "CreateSecret", Name="s", SecretString="one")
    return rotator


async def call(rotator: Rotator, operation: str, **input: Any) -> dict[str, Any]:
    return await rotator.platform("secretsmanager", operation, **input)


async def rotate(rotator: Rotator, **more: Any) -> str:
    arn = "arn:aws:lambda:us-east-1:000000000000:function:rotate"
    given = {"SecretId": "s", "RotationLambdaARN": arn, **more}
    version = (await call(rotator, "RotateSecret", **given))["VersionId"]
    await rotator.platform.clock.advance(100)
    return str(version)


async def promote(rotator: Rotator, version: str) -> None:
    """What the function's finishSecret would do."""
    described = await call(rotator, "DescribeSecret", SecretId="s")
    held = described["VersionIdsToStages"]
    current = next(key for key, labels in held.items() if "AWSCURRENT" in labels)
    put = {"SecretId": "s", "ClientRequestToken": version, "SecretString": version}
    await call(rotator, "PutSecretValue", **put, VersionStages=["AWSPENDING"])
    move = {"MoveToVersionId": version, "RemoveFromVersionId": current}
    await call(rotator, "UpdateSecretVersionStage", SecretId="s", VersionStage="AWSCURRENT", **move)


async def test_the_four_steps_run_in_order(rotator: Rotator) -> None:
    version = await rotate(rotator, RotationRules={"AutomaticallyAfterDays": 10})
    assert rotator.steps == ["createSecret", "setSecret", "testSecret", "finishSecret"]
    described = await call(rotator, "DescribeSecret", SecretId="s")
    assert described["RotationEnabled"]
    assert described["RotationRules"] == {"AutomaticallyAfterDays": 10}
    assert described["VersionIdsToStages"][version] == ["AWSPENDING"]
    assert described["LastRotatedDate"]
    due_ms = described["NextRotationDate"].timestamp() * 1000
    assert iso8601(int(due_ms)).endswith("T23:59:59.000Z")
    with pytest.raises(ServiceError, match="can't find the specified secret value for VersionId"):
        await call(rotator, "GetSecretValue", SecretId="s", VersionId=version)


async def test_a_rotation_that_is_not_finished_is_not_begun_again(rotator: Rotator) -> None:
    version = await rotate(rotator)
    with pytest.raises(ServiceError, match="A previous rotation isn't complete"):
        await rotate(rotator)
    await promote(rotator, version)
    rotator.steps.clear()
    assert await rotate(rotator) != version
    assert len(rotator.steps) == 4


async def test_days_and_rates_are_kept(rotator: Rotator) -> None:
    version = await rotate(rotator, RotationRules={"AutomaticallyAfterDays": 2})
    await promote(rotator, version)
    rotator.steps.clear()
    await rotator.platform.clock.advance(2 * DAY_MS)
    assert len(rotator.steps) == 4
    held = (await call(rotator, "DescribeSecret", SecretId="s"))["VersionIdsToStages"]
    begun = next(key for key, labels in held.items() if labels == ["AWSPENDING"])
    await promote(rotator, begun)
    again = await rotate(rotator, RotationRules={"ScheduleExpression": "rate(4 hours)"})
    await promote(rotator, again)
    rotator.steps.clear()
    await rotator.platform.clock.advance(4 * HOUR_MS)
    assert len(rotator.steps) == 4
    await call(rotator, "CancelRotateSecret", SecretId="s")
    rotator.steps.clear()
    await rotator.platform.clock.advance(4 * DAY_MS)
    assert rotator.steps == []
    assert not (await call(rotator, "DescribeSecret", SecretId="s"))["RotationEnabled"]


async def test_a_failed_step_is_tried_again_from_the_first(rotator: Rotator) -> None:
    rotator.fails = ["setSecret"]
    await rotate(rotator)
    assert rotator.steps == ["createSecret", "setSecret"]
    rotator.platform = await rotator.platform.restart()
    await rotator.platform.clock.advance(2 * 60_000)
    assert rotator.steps[2:] == ["createSecret", "setSecret", "testSecret", "finishSecret"]


async def test_only_the_configuration_is_tested(rotator: Rotator) -> None:
    rules = {"AutomaticallyAfterDays": 30}
    await rotate(rotator, RotationRules=rules, RotateImmediately=False)
    assert rotator.steps == ["testSecret"]
    listed = await call(rotator, "ListSecretVersionIds", SecretId="s", IncludeDeprecated=True)
    assert len(listed["Versions"]) == 1


async def test_what_cannot_be_rotated_is_refused(rotator: Rotator) -> None:
    with pytest.raises(ServiceError, match="No Lambda rotation function ARN is associated"):
        await call(rotator, "RotateSecret", SecretId="s")
    missing = "arn:aws:lambda:us-east-1:000000000000:function:none"
    with pytest.raises(ServiceError, match="ResourceNotFoundException"):
        await call(rotator, "RotateSecret", SecretId="s", RotationLambdaARN=missing)
    for rules in (
        {"AutomaticallyAfterDays": 1, "ScheduleExpression": "rate(1 day)"},
        {"ScheduleExpression": "rate(1 hour)"},
        {"ScheduleExpression": "nonsense"},
        {"ScheduleExpression": "rate(4 hours)", "Duration": "5h"},
    ):
        with pytest.raises(ServiceError, match="InvalidParameterException"):
            await rotate(rotator, RotationRules=rules)
