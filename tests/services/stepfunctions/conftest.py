"""State machines on a platform in memory whose functions are scripted programs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pileus.ports.nodes import Invocation
from pileus.testing.compute import ScriptedCompute, add_function, add_role
from pileus.testing.fake_nodes import Answer, Program
from pileus.testing.platform import MemoryPlatform

ACCOUNT = "000000000000"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "states.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
ROLE = f"arn:aws:iam::{ACCOUNT}:role/machines"
MACHINE = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:m"


def _double(invocation: Invocation, number: int) -> Answer:
    event = json.loads(invocation.payload)
    if not isinstance(event.get("n"), int):
        error = {"errorMessage": "n is no number", "errorType": "TypeError"}
        return Answer(json.dumps(error).encode(), is_error=True)
    return Answer(json.dumps({"n": event["n"] * 2}).encode())


class Machines:
    """A platform with a role for state machines, and a function ``double``."""

    def __init__(self, platform: MemoryPlatform, compute: ScriptedCompute) -> None:
        self.platform = platform
        self.compute = compute

    async def __call__(self, operation: str, **given: Any) -> dict[str, Any]:
        return await self.platform("stepfunctions", operation, **given)

    async def create(self, states: dict[str, Any], name: str = "m", **more: Any) -> str:
        """A machine that begins with the first of its states; its ARN."""
        given = {"name": name, "definition": definition(states), "roleArn": ROLE, **more}
        return str((await self("CreateStateMachine", **given))["stateMachineArn"])

    async def start(self, machine: str, value: Any = None, **more: Any) -> str:
        """The ARN of a new execution."""
        given = {"stateMachineArn": machine, "input": json.dumps(value or {}), **more}
        return str((await self("StartExecution", **given))["executionArn"])

    async def describe(self, execution: str) -> dict[str, Any]:
        return await self("DescribeExecution", executionArn=execution)

    async def ended(self, execution: str) -> dict[str, Any]:
        """What a finished execution says of itself, once time has passed."""
        for _ in range(200):
            found = await self.describe(execution)
            if found["status"] != "RUNNING":
                return found
            await self.platform.clock.advance(1000)
        raise AssertionError("it does not end")

    async def types(self, execution: str) -> list[str]:
        """The types of its events, which are numbered without a gap."""
        found = await self("GetExecutionHistory", executionArn=execution)
        assert [each["id"] for each in found["events"]] == list(range(1, len(found["events"]) + 1))
        return [each["type"] for each in found["events"]]


def definition(states: dict[str, Any], **more: Any) -> str:
    return json.dumps({"StartAt": next(iter(states)), "States": states, **more})


async def prepared(platform: MemoryPlatform) -> None:
    """The role and the function, as a test of crashes needs them too."""
    given = {"RoleName": "machines", "AssumeRolePolicyDocument": json.dumps(TRUST)}
    await platform("iam", "CreateRole", **given)
    await add_role(platform)
    await add_function(platform, "double", "app.double")


@pytest.fixture
async def machines(tmp_path: Path) -> AsyncIterator[Machines]:
    compute = ScriptedCompute(tmp_path, {"app.double": Program(_double)})
    platform = await MemoryPlatform.start(prepare=compute)
    await prepared(platform)
    yield Machines(platform, compute)
    await platform.crash()
