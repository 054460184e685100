"""Loops that poll a source for as long as somebody wants them to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from pileus.kernel.supervision import Supervisor
from pileus.ports.clock import Clock

_log = logging.getLogger("pileus.pollers")
_PAUSE_FIRST_S = 0.5
_PAUSE_LAST_S = 30.0


class Pollers:
    """One loop per key. ``poll`` is called again and again; when it raises, after a growing pause.

    What is wrong is told once, and again when something else is wrong or it was well in between.
    """

    def __init__(self, clock: Clock, supervisor: Supervisor) -> None:
        self._clock = clock
        self._supervisor = supervisor
        self._loops: dict[str, asyncio.Task[None]] = {}

    def start(self, key: str, poll: Callable[[], Awaitable[None]]) -> None:
        """Begin, or begin anew with another ``poll``."""
        self.stop(key)
        self._loops[key] = self._supervisor.spawn(f"poller {key}", self._loop(key, poll))

    def stop(self, key: str) -> None:
        """End the loop, also in the middle of a poll; nothing happens when there is none."""
        loop = self._loops.pop(key, None)
        if loop is not None:
            loop.cancel()

    def keys(self) -> list[str]:
        """The loops that run."""
        return sorted(self._loops)

    async def _loop(self, key: str, poll: Callable[[], Awaitable[None]]) -> None:
        pause_s, told = _PAUSE_FIRST_S, ""
        while True:
            try:
                await poll()
                pause_s = _PAUSE_FIRST_S
                if told:
                    told = ""
                    _log.info("poller %s goes on", key)
            except Exception as error:  # noqa: BLE001 - a source that fails is tried again
                if repr(error) != told:
                    told = repr(error)
                    _log.warning("poller %s: %s", key, error)
                await self._clock.sleep(pause_s)
                pause_s = min(pause_s * 2, _PAUSE_LAST_S)
