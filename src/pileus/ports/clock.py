"""Time. Nothing else in the house may read a clock."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol


class Clock(Protocol):
    """Wall time, monotonic time and waiting; used from the event loop only."""

    def now_ms(self) -> int:
        """Wall time, epoch milliseconds. May jump."""
        ...

    def mono_ns(self) -> int:
        """Monotonic nanoseconds from an arbitrary origin. Never goes back."""
        ...

    async def sleep(self, duration_s: float) -> None:
        """Return after at least ``duration_s`` seconds (0 or less: at the next turn)."""
        ...

    async def wait(self, future: asyncio.Future[Any], until_ms: int) -> bool:
        """Wait for ``future`` until wall time ``until_ms``; True when the future is done.

        The future is left alone when the time is up (not cancelled).
        """
        ...
