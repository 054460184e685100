"""Batches that are with their function, which nobody may interrupt."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from pileus.kernel.supervision import Supervisor

T = TypeVar("T")


class UnderWay:
    """What is under way, by mapping."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._tasks: dict[str, set[asyncio.Task[Any]]] = {}

    async def finish(self, mapping_id: str, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` to its end also when the one who waits for it is cancelled."""
        task = self._supervisor.spawn(f"batch of mapping {mapping_id}", work)
        under_way = self._tasks.setdefault(mapping_id, set())
        under_way.add(task)

        def ended(task: asyncio.Task[T]) -> None:
            under_way.discard(task)
            if not under_way and self._tasks.get(mapping_id) is under_way:
                del self._tasks[mapping_id]

        task.add_done_callback(ended)
        return await asyncio.shield(task)

    async def end(self, mapping_id: str) -> None:
        """Return when nothing of a mapping is under way any more."""
        while left := self._tasks.get(mapping_id):
            await asyncio.wait(set(left))
