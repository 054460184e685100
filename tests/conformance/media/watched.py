"""A process that reads a source, and what it has told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pileus.ports.intakes import Intake, State, Told

PATIENCE_S = 180.0


class Watched:
    """Listens to a process until it is closed."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.told: list[Told] = []
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for each in self.intake.told():
            self.told.append(each)
            self._news.set()

    def of(self, kind: type[Any]) -> list[Any]:
        return [each for each in self.told if isinstance(each, kind)]

    @property
    def states(self) -> list[str]:
        return [each.state for each in self.of(State)]

    async def until(self, holds: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not holds():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            kinds = [type(each).__name__ for each in self.told]
            told = {kind: kinds.count(kind) for kind in kinds}
            raise AssertionError(f"{told}, {self.of(State)}") from None

    async def close(self) -> None:
        await self.intake.close()
        await self._task
