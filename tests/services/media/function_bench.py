"""A platform in memory with scripted engines, sources, and a function."""

from __future__ import annotations

import json
from typing import Any

from pileus.compute.code_store import CodeStore
from pileus.compute.images.parts import add_layer_store
from pileus.ports.nodes import Invocation
from pileus.services.lambda_.parts import ComputeSettings, add_parts
from pileus.testing.fake_nodes import Answer, FakeNodes, Program
from pileus.testing.platform import MemoryPlatform

from .conftest import Bench

RESULTS = "arn:aws:media:us-east-1:000000000000:source/lobby/results/look"


class FunctionBench(Bench):
    """A bench with a function ``f`` as well, which notes its events."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.events: list[dict[str, Any]] = []
        self.answer: Any = lambda event: Answer(b"null")

    def prepare(self, platform: MemoryPlatform) -> None:
        super().prepare(platform)
        folder = self.code_dir.parent / "functions"
        layers = add_layer_store(platform.kernel, folder / "layers")
        nodes = FakeNodes(platform.clock, {"app.f": Program(self._handle)})
        add_parts(platform.kernel, nodes, ComputeSettings(folder, "test-boot"))
        code = platform.kernel.part(CodeStore)
        platform.clock.watch(lambda: code.is_working or layers.is_working)

    def _handle(self, invocation: Invocation, number: int) -> Answer:
        event = json.loads(invocation.payload)
        self.events.append(event)
        answer: Answer = self.answer(event)
        return answer

    async def map(self, **more: Any) -> dict[str, Any]:
        given = {"EventSourceArn": RESULTS, "FunctionName": "f", "StartingPosition": "TRIM_HORIZON"}
        return await self.platform("lambda", "CreateEventSourceMapping", **{**given, **more})

    async def look(self, *numbers: int) -> None:
        """Pictures of these numbers, 200 ms apart, each with its result."""
        for number in numbers:
            self.intake.show(number)
            await self.passing(200)

    def batches(self) -> list[list[int]]:
        """When the pieces of each batch begin."""
        return [[each["media"]["start_ms"] for each in event["Records"]] for event in self.events]

    def seen(self) -> list[int]:
        """When the pieces begin that the function was told of."""
        return [start_ms for batch in self.batches() for start_ms in batch]
