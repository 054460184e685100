"""Background work that never dies in silence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from pileus.ports.clock import Clock
from pileus.values.errors import StoreUnavailable

_log = logging.getLogger("pileus")
STORE_PAUSE_FIRST_S = 1.0
STORE_PAUSE_LAST_S = 5.0
"""A store that is full or fails holds all up: once it works again, nobody waits for long."""


class StorePatience:
    """The pauses of work that waits for the store: a little longer each time, and told once."""

    def __init__(self, clock: Clock, work: str) -> None:
        self._clock = clock
        self._work = work
        self._pause_s = STORE_PAUSE_FIRST_S

    async def pause(self, problem: StoreUnavailable) -> None:
        """Wait until it is worth another try."""
        if self._pause_s == STORE_PAUSE_FIRST_S:
            _log.warning("%s waits for the store: %s", self._work, problem)
        await self._clock.sleep(self._pause_s)
        self._pause_s = min(self._pause_s * 2, STORE_PAUSE_LAST_S)


class Supervisor:
    """Owns every background task; what one of them raises is logged with its name."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, name: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start ``work``; the task is kept until it ends and cancelled by :meth:`close`."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("%s failed", task.get_name(), exc_info=error)

    async def close(self) -> None:
        """Cancel what still runs and wait until it has ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
