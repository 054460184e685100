"""Requests that wait for an instance of their variant: first come, first served, and bounded."""

from __future__ import annotations

import asyncio
from collections import deque

from pileus.ports.clock import Clock
from pileus.services.sagemaker import errors
from pileus.services.sagemaker.limits import LIMITS
from pileus.services.sagemaker.model import Variant


class VariantQueue:
    """The places of one variant. Called from the event loop only.

    As on AWS a request to instances waits its turn, and one to a serverless variant whose
    concurrency is used up is refused.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.running = 0

    @property
    def length(self) -> int:
        """Requests that wait now."""
        return len(self._waiting)

    async def enter(self, variant: Variant) -> bool:
        """Take a place; :meth:`leave` gives it back. True when it had to be waited for.

        Raises:
            ServiceError: ThrottlingException from a serverless variant, ServiceUnavailable when too
                many wait already or the wait takes too long.
        """
        if self.running < variant.concurrency_max and not self._waiting:
            self.running += 1
            return False
        if variant.serverless:
            raise errors.throttled()
        if len(self._waiting) >= LIMITS.queue_length_max:
            raise errors.unavailable(
                f"{LIMITS.queue_length_max} requests wait for variant {variant.name} already."
            )
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        until_ms = self._clock.now_ms() + round(LIMITS.queue_s_max * 1000)
        try:
            await self._clock.wait(turn, until_ms)
        except asyncio.CancelledError:
            self._give_up(turn)
            raise
        if not turn.done():
            self._give_up(turn)
            raise errors.unavailable(
                f"No instance of variant {variant.name} was free for {LIMITS.queue_s_max:.0f} seconds."
            )
        return True

    def leave(self, variant: Variant) -> None:
        """Give a place back: to who waits longest, unless the variant shrank meanwhile."""
        self.running -= 1
        while self._waiting and self.running < variant.concurrency_max:
            self.running += 1
            self._waiting.popleft().set_result(None)

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():
            # The place came at the very moment its taker went away.
            self.running -= 1
            if self._waiting:
                self.running += 1
                self._waiting.popleft().set_result(None)
        else:
            self._waiting.remove(turn)
