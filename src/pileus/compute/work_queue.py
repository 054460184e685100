"""Items of durable work in memory: by lane, a bounded number at a time, again when told to.

The items themselves are on disk with whoever submits them; this only decides when each one runs.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count

from pileus.kernel.supervision import Supervisor
from pileus.ports.clock import Clock

CONCURRENT_MAX = 100


@dataclass(slots=True)
class _Lane:
    waiting: list[tuple[int, int, str]] = field(default_factory=list)
    running: int = 0
    timer: asyncio.Task[None] | None = None


class WorkQueue:
    """Runs ``run(lane, item)``, which returns when to run the item again, or None when it is done.

    Args:
        run: must not raise; what it raises is logged and the item is forgotten until a restart.
        concurrent_max: items of one lane that run at the same time.
    """

    def __init__(
        self,
        clock: Clock,
        supervisor: Supervisor,
        run: Callable[[str, str], Awaitable[int | None]],
        concurrent_max: int = CONCURRENT_MAX,
    ) -> None:
        self._clock = clock
        self._supervisor = supervisor
        self._run = run
        self._concurrent_max = concurrent_max
        self._lanes: dict[str, _Lane] = defaultdict(_Lane)
        self._numbers = count()

    def submit(self, lane: str, item: str, not_before_ms: int = 0) -> None:
        """Let ``item`` run, in order of its time within the lane; returns at once."""
        held = self._lanes[lane]
        heapq.heappush(held.waiting, (not_before_ms, next(self._numbers), item))
        self._advance(lane, held)

    def pending(self, lane: str) -> int:
        """Items of a lane that wait or run."""
        held = self._lanes.get(lane)
        return len(held.waiting) + held.running if held else 0

    def _advance(self, lane: str, held: _Lane) -> None:
        now_ms = self._clock.now_ms()
        while held.waiting and held.running < self._concurrent_max and held.waiting[0][0] <= now_ms:
            _, _, item = heapq.heappop(held.waiting)
            held.running += 1
            self._supervisor.spawn(f"work {lane} {item}", self._work(lane, held, item))
        if held.timer is not None:
            held.timer.cancel()
            held.timer = None
        if held.waiting and held.running < self._concurrent_max:
            delay_s = (held.waiting[0][0] - now_ms) / 1000
            held.timer = self._supervisor.spawn(f"wait {lane}", self._wait(lane, held, delay_s))
        elif not held.waiting and not held.running:
            self._lanes.pop(lane, None)

    async def _wait(self, lane: str, held: _Lane, delay_s: float) -> None:
        await self._clock.sleep(delay_s)
        held.timer = None
        self._advance(lane, held)

    async def _work(self, lane: str, held: _Lane, item: str) -> None:
        again_ms: int | None = None
        try:
            again_ms = await self._run(lane, item)
        finally:
            held.running -= 1
            self._lanes[lane] = held
            if again_ms is not None:
                heapq.heappush(held.waiting, (again_ms, next(self._numbers), item))
            self._advance(lane, held)
