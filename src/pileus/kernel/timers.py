"""Durable timers: a table in every space, one heap in memory."""

from __future__ import annotations

import asyncio
import heapq
import logging
from typing import TYPE_CHECKING

from pileus.kernel.calls import TIMER, TIMER_AT, WriteCall
from pileus.kernel.deliveries import Timer, decode_timer
from pileus.kernel.supervision import StorePatience
from pileus.ports.state import Space
from pileus.values.errors import StoreUnavailable

if TYPE_CHECKING:
    from pileus.kernel.kernel import Kernel

_log = logging.getLogger("pileus.timers")
_FAR_MS = 3_600_000
RETRY_FIRST_S = 1.0
RETRY_LAST_S = 300.0


class Timers:
    """Fires timers when they are due. A timer that was replaced or cancelled does nothing.

    The hook runs in the transaction that removes the timer, so it takes effect exactly once;
    a hook that raises is tried again, ever more seldom.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._heap: list[tuple[int, Space, str, str]] = []
        self._changed: asyncio.Future[None] | None = None

    def recover(self) -> None:
        """Arm every timer that the store holds."""
        for space in self._kernel.state.spaces():
            rows = self._kernel.state.read(space, lambda view: view.range((TIMER,)))
            self.arm(space, [decode_timer(value) for _, value in rows])

    def arm(self, space: Space, timers: list[Timer]) -> None:
        """Note timers that are durable already."""
        for timer in timers:
            heapq.heappush(self._heap, (timer.at_ms, space, timer.name, timer.key))
        if timers and self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    async def run(self) -> None:
        """Fire timers for ever."""
        clock = self._kernel.clock
        while True:
            now_ms = clock.now_ms()
            while self._heap and self._heap[0][0] <= now_ms:
                due = heapq.heappop(self._heap)
                self._kernel.supervisor.spawn(f"timer {due[2]} {due[3]}", self._fire(*due))
            self._changed = asyncio.get_running_loop().create_future()
            await clock.wait(self._changed, self._heap[0][0] if self._heap else now_ms + _FAR_MS)

    async def _fire(self, at_ms: int, space: Space, name: str, key: str) -> None:
        def step(call: WriteCall) -> None:
            value = call.state.get((TIMER, at_ms, name, key))
            if value is None:
                return
            call.state.delete((TIMER, at_ms, name, key))
            call.state.delete((TIMER_AT, name, key))
            timer = decode_timer(value)
            self._kernel.registry.hook(space[2], name)(call, timer.payload)

        pause_s = RETRY_FIRST_S
        patience = StorePatience(self._kernel.clock, f"timer {name} {key}")
        while True:
            try:
                await self._kernel.write(self._kernel.system_context(space), space, step)
                return
            except StoreUnavailable as problem:
                await patience.pause(problem)
            except Exception:  # noqa: BLE001 - see below
                # A room's fault: the timer is still there, and must not wait for a restart.
                _log.exception("timer %s %s failed; again in %g s", name, key, pause_s)
                await self._kernel.clock.sleep(pause_s)
                pause_s = min(pause_s * 2, RETRY_LAST_S)
