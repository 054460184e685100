"""Items of durable work in memory: by lane, a bounded number at a time, again when told to.

The items themselves are on disk with whoever submits them; this only decides when each one runs.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from itertools import count

import msgspec

from pileus.kernel.supervision import Supervisor
from pileus.ports.clock import Clock

CONCURRENT_MAX = 100
_PAUSE_FIRST_MS = 1000
_PAUSE_LAST_MS = 60_000
_log = logging.getLogger("pileus.work")


class _Lane(msgspec.Struct):
    """``waiting`` is a heap of time, number and item; ``known`` holds the running ones too."""

    waiting: list[tuple[int, int, str]] = msgspec.field(default_factory=list)
    known: set[str] = msgspec.field(default_factory=set)
    timer: asyncio.Task[None] | None = None

    @property
    def running(self) -> int:
        return len(self.known) - len(self.waiting)


def _always_many(lane: str) -> int:
    return CONCURRENT_MAX


class WorkQueue:
    """Runs ``run(lane, item)``, which returns when to run the item again, or None when it is done.

    Args:
        run: what it raises is logged, and the item runs again after a growing pause of at most a
            minute (a full disk is the cause that passes).
        limit: how many items of a lane may run at the same time, asked whenever one could begin.
    """

    def __init__(
        self,
        clock: Clock,
        supervisor: Supervisor,
        run: Callable[[str, str], Awaitable[int | None]],
        limit: Callable[[str], int] = _always_many,
    ) -> None:
        self._clock = clock
        self._supervisor = supervisor
        self._run = run
        self._limit = limit
        self._lanes: dict[str, _Lane] = defaultdict(_Lane)
        self._numbers = count()
        self._failures: Counter[tuple[str, str]] = Counter()

    def submit(self, lane: str, item: str, not_before_ms: int = 0) -> None:
        """Let ``item`` run, in order of its time within the lane; returns at once.

        An item that waits or runs already is left as it is: a redelivery runs nothing twice.
        """
        held = self._lanes[lane]
        if item in held.known:
            return
        held.known.add(item)
        heapq.heappush(held.waiting, (not_before_ms, next(self._numbers), item))
        self._advance(lane, held)

    def pending(self, lane: str) -> int:
        """Items of a lane that wait or run."""
        held = self._lanes.get(lane)
        return len(held.known) if held else 0

    def drop(self, lane: str) -> list[str]:
        """Forget what waits in a lane, and tell what that was; what runs, runs on."""
        held = self._lanes.get(lane)
        if held is None:
            return []
        dropped = [item for _, _, item in sorted(held.waiting)]
        for item in dropped:
            self._failures.pop((lane, item), None)
        held.known.difference_update(dropped)
        held.waiting.clear()
        self._advance(lane, held)
        return dropped

    def _advance(self, lane: str, held: _Lane) -> None:
        """Begin what may begin, and wake up for what is due next."""
        now_ms = self._clock.now_ms()
        if held.timer is not None:
            held.timer.cancel()
            held.timer = None
        if held.waiting:
            room = self._limit(lane) - held.running
            while room > 0 and held.waiting and held.waiting[0][0] <= now_ms:
                _, _, item = heapq.heappop(held.waiting)
                room -= 1
                self._supervisor.spawn(f"work {lane} {item}", self._work(lane, held, item))
            if room > 0 and held.waiting:
                delay_s = (held.waiting[0][0] - now_ms) / 1000
                held.timer = self._supervisor.spawn(f"wait {lane}", self._wait(lane, held, delay_s))
        elif not held.known:
            self._lanes.pop(lane, None)

    def _pause_ms(self, lane: str, item: str) -> int:
        self._failures[(lane, item)] += 1
        doublings = min(self._failures[(lane, item)] - 1, 6)
        return min(_PAUSE_FIRST_MS << doublings, _PAUSE_LAST_MS)

    async def _wait(self, lane: str, held: _Lane, delay_s: float) -> None:
        await self._clock.sleep(delay_s)
        held.timer = None
        self._advance(lane, held)

    async def _work(self, lane: str, held: _Lane, item: str) -> None:
        # A cancellation passes through: the platform ends, and nothing more is begun.
        again_ms: int | None = None
        try:
            again_ms = await self._run(lane, item)
        except Exception:  # noqa: BLE001 - told in the log
            # One broken item must not stop its lane; it is on disk, so it is neither forgotten.
            _log.exception("work %s %s failed", lane, item)
            again_ms = self._clock.now_ms() + self._pause_ms(lane, item)
        else:
            self._failures.pop((lane, item), None)
        if again_ms is None:
            held.known.discard(item)
        else:
            heapq.heappush(held.waiting, (again_ms, next(self._numbers), item))
        self._advance(lane, held)
