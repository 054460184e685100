"""The machine's own clock."""

from __future__ import annotations

import asyncio
import time
from typing import Any

_RECHECK_S = 30.0
"""Longest nap towards a wall time: within this, a jump of the wall clock is noticed."""


class SystemClock:
    """See ``ports/clock.py``."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    mono_ns = staticmethod(time.monotonic_ns)

    async def sleep(self, duration_s: float) -> None:
        until_ns = time.monotonic_ns() + int(duration_s * 1e9)
        await asyncio.sleep(max(0.0, duration_s))
        # uvloop rounds timers to milliseconds, also downwards.
        left_ns = until_ns - time.monotonic_ns()
        if left_ns > 0:
            await self.sleep(max(0.001, left_ns / 1e9))

    async def wait(self, future: asyncio.Future[Any], until_ms: int) -> bool:
        while not future.done():
            left_ms = until_ms - self.now_ms()
            if left_ms <= 0:
                # One turn, so that a future already scheduled to be resolved counts.
                await asyncio.sleep(0)
                break
            # asyncio.wait leaves the future alone at its timeout.
            await asyncio.wait((future,), timeout=min(_RECHECK_S, left_ms / 1000))
        return future.done()
