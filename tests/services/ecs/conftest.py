"""A platform in memory with scripted tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from pileus.ports.nodes import Exit, ExitReason
from pileus.testing.fake_tasks import ContainerProgram
from pileus.testing.platform import MemoryPlatform
from pileus.testing.tasks import ScriptedTasks

PROGRAMS = {
    "forever": ContainerProgram(),
    "slow": ContainerProgram(5.0),
    "brief": ContainerProgram(5.0, output=((0.0, "begun"), (4.0, "nearly"))),
    "long": ContainerProgram(60.0),
    "fails": ContainerProgram(1.0, Exit(ExitReason.EXITED, code=3)),
    "hog": ContainerProgram(1.0, Exit(ExitReason.OUT_OF_MEMORY, signal=9)),
    "absent": ContainerProgram(failure='exec: "x": executable file not found in $PATH'),
    "stubborn": ContainerProgram(ignores=frozenset({15})),
    "healthy": ContainerProgram(check=lambda _: 0),
    "sick": ContainerProgram(check=lambda _: 1),
}


def container(name: str = "main", image: str = "forever", **more: Any) -> dict[str, Any]:
    return {"name": name, "image": image, "memory": 64, **more}


@dataclass
class Bench:
    platform: MemoryPlatform
    tasks: ScriptedTasks
    events: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, operation: str, room: str = "ecs", **given: Any) -> Any:
        kernel, context = self.platform.kernel, self.platform.context
        reply = await self.platform.clock.run(kernel.invoke(context, room, operation, given))
        return reply.output

    async def define(self, *containers: dict[str, Any], family: str = "f", **more: Any) -> str:
        given = {"family": family, "containerDefinitions": list(containers) or [container()]}
        told = await self("RegisterTaskDefinition", **given, **more)
        return str(told["taskDefinition"]["taskDefinitionArn"])

    async def run(self, *containers: dict[str, Any], **more: Any) -> str:
        """Define, run, and let a moment pass; the task's ARN."""
        await self.define(*containers)
        told = await self("RunTask", taskDefinition="f", **more)
        assert not told["failures"], told["failures"]
        await self.advance(0.1)
        return str(told["tasks"][0]["taskArn"])

    async def task(self, arn: str) -> dict[str, Any]:
        told: dict[str, Any] = (await self("DescribeTasks", tasks=[arn]))["tasks"][0]
        return told

    async def service(self, name: str = "s") -> dict[str, Any]:
        told: dict[str, Any] = (await self("DescribeServices", services=[name]))["services"][0]
        return told

    async def advance(self, seconds: float) -> None:
        await self.platform.clock.advance(round(seconds * 1000))

    @property
    def running(self) -> list[tuple[str, str]]:
        return self.tasks.host.running

    async def again(self) -> None:
        """The platform is killed, and another comes."""
        self.platform = await self.platform.restart()
        await self.advance(0.1)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = await _started(0)
    yield made
    await made.platform.crash()


@pytest.fixture
async def bench_with_gpus() -> AsyncIterator[Bench]:
    """On a node that claims two GPUs."""
    made = await _started(2)
    yield made
    await made.platform.crash()


async def _started(gpus: int) -> Bench:
    tasks = ScriptedTasks(PROGRAMS, memory_mb=8192, gpus=gpus)
    platform = await MemoryPlatform.start(prepare=tasks)
    made = Bench(platform, tasks)
    await made("CreateCluster")
    return made
