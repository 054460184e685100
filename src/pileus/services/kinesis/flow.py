"""What the room knows in memory: throughput used, readers that wait, writers under way.

All of it belongs to this life of the platform; nothing of it must survive a crash.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pileus.kernel.calls import StreamCall
from pileus.ports.state import Space
from pileus.services.kinesis.limits import LIMITS

Place = tuple[Space, str, int]
"""A shard: its room's space, the id of its stream, its number."""


class Bucket:
    """So many units a second, and at most a second's worth at once.

    What is larger than that needs a full bucket, and is paid for afterwards.
    """

    __slots__ = ("_at_ms", "_level", "_per_s")

    def __init__(self, per_s: int, now_ms: int) -> None:
        self._per_s = per_s
        self._level = float(per_s)
        self._at_ms = now_ms

    def holds(self, amount: int, now_ms: int) -> bool:
        """Whether ``amount`` may be taken now."""
        passed_ms = max(0, now_ms - self._at_ms)
        self._level = min(float(self._per_s), self._level + passed_ms * self._per_s / 1000)
        self._at_ms = now_ms
        return self._level >= min(amount, self._per_s)

    def take(self, amount: int) -> None:
        """Take it, although it may be more than there is."""
        self._level = float(-amount) if amount > self._per_s else self._level - amount


class Throughput:
    """What one shard may still take and give."""

    __slots__ = ("calls", "last_ms", "read", "records", "written")

    def __init__(self, now_ms: int) -> None:
        self.written = Bucket(LIMITS.shard_write_bytes_per_s, now_ms)
        self.records = Bucket(LIMITS.shard_write_records_per_s, now_ms)
        self.read = Bucket(LIMITS.shard_read_bytes_per_s, now_ms)
        self.calls = Bucket(LIMITS.shard_read_calls_per_s, now_ms)
        self.last_ms = now_ms

    def admit(self, size_bytes: int, now_ms: int) -> bool:
        """Count a record of that size, if the shard can take it now."""
        if not (self.written.holds(size_bytes, now_ms) and self.records.holds(1, now_ms)):
            return False
        self.written.take(size_bytes)
        self.records.take(1)
        return True

    def admit_read(self, now_ms: int) -> bool:
        """Count a GetRecords call, if the shard can answer it now."""
        if not (self.calls.holds(1, now_ms) and self.read.holds(1, now_ms)):
            return False
        self.calls.take(1)
        return True

    def arrival_ms(self, now_ms: int) -> int:
        """The time of a record that comes now: never before an earlier one's."""
        self.last_ms = max(self.last_ms, now_ms)
        return self.last_ms


class Flows:
    """The platform's one object of the room; ``call.own(Flows)``."""

    def __init__(self) -> None:
        self._throughput: dict[Place, Throughput] = {}
        self._waiting: defaultdict[Place, set[asyncio.Future[None]]] = defaultdict(set)
        self._gates: dict[tuple[Space, str], Gate] = {}

    def throughput(self, place: Place, now_ms: int) -> Throughput:
        """The counters of a shard."""
        found = self._throughput.get(place)
        if found is None:
            found = self._throughput[place] = Throughput(now_ms)
        return found

    def gate(self, space: Space, stream: str) -> Gate:
        """The gate of a stream's name."""
        return self._gates.setdefault((space, stream), Gate())

    def arrived(self, place: Place) -> None:
        """Wake whoever waits for records of a shard."""
        for future in self._waiting.pop(place, ()):
            if not future.done():
                future.set_result(None)

    def forget(self, space: Space, stream_id: str) -> None:
        """A stream is gone: wake its readers, drop its counters."""
        for place in [p for p in self._waiting if p[:2] == (space, stream_id)]:
            self.arrived(place)
        for place in [p for p in self._throughput if p[:2] == (space, stream_id)]:
            del self._throughput[place]

    async def wait(self, call: StreamCall, place: Place, until_ms: int) -> None:
        """Return when records arrive or the shard is closed; at ``until_ms`` at the latest.

        The caller looks right before: nothing may be awaited in between.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[place].add(future)
        try:
            await call.clock.wait(future, until_ms)
        finally:
            future.cancel()
            waiting = self._waiting.get(place)
            if waiting is not None:
                waiting.discard(future)
                if not waiting:
                    del self._waiting[place]


class Gate:
    """Lets writers through together, and whoever changes the shards alone."""

    __slots__ = ("_changing", "_idle", "_inside", "_open")

    def __init__(self) -> None:
        self._inside = 0
        self._changing = asyncio.Lock()
        self._open: asyncio.Future[None] | None = None
        self._idle: asyncio.Future[None] | None = None

    @asynccontextmanager
    async def passing(self) -> AsyncIterator[None]:
        """A write; it begins at once unless the shards are being changed."""
        while self._open is not None:
            await asyncio.shield(self._open)
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            if not self._inside and self._idle is not None and not self._idle.done():
                self._idle.set_result(None)

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """A change of the shards: after every write under way, before every later one."""
        async with self._changing:
            loop = asyncio.get_running_loop()
            self._open = loop.create_future()
            try:
                if self._inside:
                    self._idle = loop.create_future()
                    await self._idle
                yield
            finally:
                opened, self._open, self._idle = self._open, None, None
                opened.set_result(None)
