"""Records that were read and wait for their batch."""

from __future__ import annotations

import asyncio
from collections import deque

from pileus.ports.clock import Clock
from pileus.services.lambda_.streams.model import Record

EVENT_BYTES_MAX = 6_291_456
_FRAME_BYTES = 1024


class Lane:
    """Records of some keys, in order; ``frame_bytes`` is what an event holds besides, at most."""

    def __init__(self, number: int, clock: Clock, frame_bytes: int = _FRAME_BYTES) -> None:
        self.number = number
        self._clock = clock
        self._frame_bytes = frame_bytes
        self._records: deque[Record] = deque()
        self._is_ended = False
        self._news: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._records)

    @property
    def is_ended(self) -> bool:
        """No record is here, and none will come."""
        return self._is_ended and not self._records

    def add(self, record: Record) -> None:
        """Records come in order."""
        self._records.append(record)
        self._tell()

    def end(self) -> None:
        """There will be no more records."""
        self._is_ended = True
        self._tell()

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    async def _wait(self, until_ms: int | None) -> bool:
        """For a change; False when the time is up."""
        self._news = asyncio.get_running_loop().create_future()
        if until_ms is None:
            await self._news
            return True
        return await self._clock.wait(self._news, until_ms)

    async def arrival(self, until_ms: int | None = None) -> bool:
        """Wait until there are records, or never will be; False when the time is up before."""
        while not self._records and not self._is_ended:
            if not await self._wait(until_ms):
                return False
        return True

    async def batch(self, size: int, window_s: float, tumbling_ms: int) -> list[Record]:
        """The next records, of one tumbling window where there are such.

        Comes when there are ``size`` of them or 6 MiB, when the first has waited for ``window_s``,
        or when no more can join it; empty only when the lane has ended.
        """
        await self.arrival()
        until_ms = self._clock.now_ms() + round(window_s * 1000)
        while True:
            count, is_full = self._fitting(size, tumbling_ms)
            if is_full or self._is_ended or self._clock.now_ms() >= until_ms:
                return [self._records.popleft() for _ in range(count)]
            await self._wait(until_ms)

    def _fitting(self, size: int, tumbling_ms: int) -> tuple[int, bool]:
        """How many records make the next batch, and whether no further one may join them."""
        size_bytes = self._frame_bytes
        for count, record in enumerate(self._records):
            size_bytes += record.size_bytes + 1
            is_other = tumbling_ms and (
                record.at_ms // tumbling_ms != self._records[0].at_ms // tumbling_ms
            )
            if count == size or is_other or (count and size_bytes > EVENT_BYTES_MAX):
                return count, True
        return len(self._records), len(self._records) >= size
