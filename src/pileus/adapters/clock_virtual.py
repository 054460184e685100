"""A clock that moves only when a test says so.

Sleepers wake in the order of their times, and after each the event loop runs until nothing more
happens without time passing. What happens on other threads cannot be seen from the loop: name it
with :meth:`VirtualClock.watch`, or use adapters without threads.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any, TypeVar

from pileus.values.errors import PileusError

T = TypeVar("T")

DEFAULT_START_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""
_QUIET_TURNS = 3
_BLIND_TURNS = 50
_TURNS_MAX = 1_000_000
_REAL_NAP_S = 0.0005
_REAL_WAIT_S = 5.0


class ClockStuck(PileusError):
    """Nothing is due, and what was waited for has not happened: a deadlock in the test."""


class VirtualClock:
    """See ``ports/clock.py``; starts at ``start_ms`` with the monotonic origin at zero."""

    def __init__(self, start_ms: int = DEFAULT_START_MS) -> None:
        self._wall_offset_ms = start_ms
        self._mono_ns = 0
        self._numbers = count()
        # Sleeps end at a monotonic time and waits at a wall time; the two differ after a jump.
        self._sleeps: list[tuple[int, int, asyncio.Future[None]]] = []
        self._waits: list[tuple[int, int, asyncio.Future[None]]] = []
        self._watched: list[Callable[[], bool]] = []

    def now_ms(self) -> int:
        return self._wall_offset_ms + self._mono_ns // 1_000_000

    def mono_ns(self) -> int:
        return self._mono_ns

    async def sleep(self, duration_s: float) -> None:
        if duration_s <= 0:
            await asyncio.sleep(0)
            return
        await self._timer(self._sleeps, self._mono_ns + max(1, round(duration_s * 1e9)))

    async def wait(self, future: asyncio.Future[Any], until_ms: int) -> bool:
        if future.done():
            return True
        if until_ms <= self.now_ms():
            await asyncio.sleep(0)
            return future.done()
        timer = self._timer(self._waits, until_ms)
        release = _releasing(timer)
        future.add_done_callback(release)
        try:
            await timer
        finally:
            future.remove_done_callback(release)
        return future.done()

    def watch(self, is_busy: Callable[[], bool]) -> None:
        """Settle only while ``is_busy()`` is false: for work that goes on in another thread."""
        self._watched.append(is_busy)

    def jump(self, by_ms: int) -> None:
        """Set the wall clock forwards or back at once; monotonic time stays."""
        self._wall_offset_ms += by_ms
        self._release_due()

    async def advance(self, by_ms: float) -> None:
        """Let ``by_ms`` milliseconds pass, waking each sleeper at its own time."""
        until_ns = self._mono_ns + round(by_ms * 1e6)
        await self.settle()
        while (due_ns := self._next_due_ns()) is not None and due_ns <= until_ns:
            await self._move_to(due_ns)
        self._mono_ns = until_ns

    async def run_until_idle(self, within_ms: float = 7 * 24 * 3600 * 1000) -> None:
        """Move from sleeper to sleeper until none is left, or ``within_ms`` have passed."""
        until_ns = self._mono_ns + round(within_ms * 1e6)
        await self.settle()
        while (due_ns := self._next_due_ns()) is not None and due_ns <= until_ns:
            await self._move_to(due_ns)

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``, with time moving on whenever everything waits for it.

        Raises:
            ClockStuck: ``work`` is not done although nothing will ever wake it.
        """
        task = asyncio.ensure_future(work)
        try:
            await self.settle()
            while not task.done():
                due_ns = self._next_due_ns()
                if due_ns is not None:
                    await self._move_to(due_ns)
                    continue
                # Perhaps another thread is about to answer.
                await asyncio.wait((task,), timeout=_REAL_WAIT_S)
                if not task.done() and self._next_due_ns() is None:
                    raise ClockStuck("nothing is due and the work is not done")
            return task.result()
        finally:
            task.cancel()

    async def settle(self) -> None:
        """Run the loop until nothing more happens at the present time."""
        ready = getattr(asyncio.get_running_loop(), "_ready", None)
        quiet = 0
        for _ in range(_TURNS_MAX):
            await asyncio.sleep(0)
            if any(is_busy() for is_busy in self._watched):
                quiet = 0
                await asyncio.sleep(_REAL_NAP_S)
                continue
            # asyncio's own loop shows what is ready to run; other loops get a fixed number.
            quiet = 0 if ready else quiet + 1
            if quiet >= (_BLIND_TURNS if ready is None else _QUIET_TURNS):
                return
        raise ClockStuck(f"the loop is still busy after {_TURNS_MAX} turns without time passing")

    def _timer(
        self, heap: list[tuple[int, int, asyncio.Future[None]]], due: int
    ) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(heap, (due, next(self._numbers), future))
        return future

    def _next_due_ns(self) -> int | None:
        """Monotonic time of the next timer that someone still awaits."""
        for heap in (self._sleeps, self._waits):
            while heap and heap[0][2].done():
                heapq.heappop(heap)
        dues = []
        if self._sleeps:
            dues.append(self._sleeps[0][0])
        if self._waits:
            dues.append((self._waits[0][0] - self._wall_offset_ms) * 1_000_000)
        return max(self._mono_ns, min(dues)) if dues else None

    async def _move_to(self, due_ns: int) -> None:
        self._mono_ns = due_ns
        self._release_due()
        await self.settle()

    def _release_due(self) -> None:
        due = []
        for heap, now in ((self._sleeps, self._mono_ns), (self._waits, self.now_ms())):
            while heap and heap[0][0] <= now:
                due.append(heapq.heappop(heap)[1:])
        for _, future in sorted(due, key=lambda numbered: numbered[0]):
            if not future.done():
                future.set_result(None)


def _releasing(timer: asyncio.Future[None]) -> Callable[[asyncio.Future[Any]], None]:
    def release(_: asyncio.Future[Any]) -> None:
        if not timer.done():
            timer.set_result(None)

    return release
