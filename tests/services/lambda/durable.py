"""Durable functions by script on one platform."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pileus.testing.compute import ScriptedCompute, add_function, add_role
from pileus.testing.durable import DurableRun, durable_program
from pileus.testing.platform import MemoryPlatform

DAY_S, YEAR_S = 86_400, 31_536_000
CONFIG = {"ExecutionTimeout": 31_622_400, "RetentionPeriodInDays": 2}
Script = Callable[[DurableRun], Awaitable[Any]]


class Durable:
    """Functions by script on one platform."""

    def __init__(self, platform: MemoryPlatform, compute: ScriptedCompute) -> None:
        self.platform = platform
        self.compute = compute
        self.runs: list[DurableRun] = []

    async def invoke(self, operation: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
        kernel, context = self.platform.kernel, self.platform.context
        return (await kernel.invoke(context, "lambda", operation, given)).output

    async def add(self, script: Script, name: str = "f", **more: Any) -> None:
        async def noted(run: DurableRun) -> Any:
            self.runs.append(run)
            return await script(run)

        self.compute.programs[f"app.{name}"] = durable_program(self.invoke, noted)
        await add_function(self.platform, name, f"app.{name}", **{"DurableConfig": CONFIG, **more})

    async def begin(self, payload: Any = None, name: str = "f", **more: Any) -> str:
        reply = await self.platform(
            "lambda", "Invoke", FunctionName=f"{name}:$LATEST", InvocationType="Event",
            Payload=json.dumps(payload).encode(), **more,
        )  # fmt: skip
        # The instance starts meanwhile.
        await self.platform.clock.advance(100)
        return str(reply["DurableExecutionArn"])

    async def found(self, arn: str, **more: Any) -> dict[str, Any]:
        return await self.platform("lambda", "GetDurableExecution", DurableExecutionArn=arn, **more)

    async def after(self, arn: str, duration_s: float) -> str:
        await self.platform.clock.advance(duration_s * 1000)
        return str((await self.found(arn))["Status"])

    async def events(self, arn: str, **more: Any) -> list[dict[str, Any]]:
        history = await self.platform(
            "lambda", "GetDurableExecutionHistory", DurableExecutionArn=arn, **more
        )
        return list(history["Events"])

    async def kinds(self, arn: str) -> list[str]:
        return [event["EventType"] for event in await self.events(arn, MaxItems=1000)]


@pytest.fixture
async def durable(tmp_path: Path) -> AsyncIterator[Durable]:
    compute = ScriptedCompute(tmp_path, {})
    platform = await MemoryPlatform.start(prepare=compute)
    await add_role(platform)
    made = Durable(platform, compute)
    yield made
    await made.platform.crash()
