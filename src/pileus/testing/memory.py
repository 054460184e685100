"""A whole platform in memory, under virtual time and seeded chance, for tests of rooms."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from collections.abc import Callable

from pileus.adapters.group_commit import GroupCommitState, Writes


class MemoryBase:
    """Durable storage that is a dictionary. It outlives the State over it, as a disk would.

    ``crash_at``: the number of the commit that is not made any more (counted from 0); from then on
    nothing is written and nobody is told, as when the machine stops.
    """

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self._keys: list[bytes] = []
        self.commits = 0
        self.crash_at: int | None = None
        self.failure: BaseException | None = None
        self.crashed: asyncio.Event = asyncio.Event()

    def get(self, key: bytes) -> bytes | None:
        return self.values.get(key)

    def scan(
        self, low: bytes, high: bytes, limit: int | None, reverse: bool
    ) -> list[tuple[bytes, bytes]]:
        found = self._keys[bisect_left(self._keys, low) : bisect_left(self._keys, high)]
        if reverse:
            found.reverse()
        return [(key, self.values[key]) for key in found[:limit]]

    def count(self, low: bytes, high: bytes) -> int:
        return bisect_left(self._keys, high) - bisect_left(self._keys, low)

    def begin_read(self) -> None:
        pass

    def end_read(self) -> None:
        pass

    def commit(self, writes: Writes, done: Callable[[BaseException | None], None]) -> None:
        if self.crashed.is_set() or self.commits == self.crash_at:
            self.crashed.set()
            return
        if self.failure is None:
            self.commits += 1
            for key, value in writes.items():
                self._apply(key, value)
        asyncio.get_running_loop().call_soon(done, self.failure)

    def _apply(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            if self.values.pop(key, None) is not None:
                del self._keys[bisect_left(self._keys, key)]
        else:
            if key not in self.values:
                insort(self._keys, key)
            self.values[key] = value

    def close(self) -> None:
        pass


class MemoryState(GroupCommitState):
    """State over a :class:`MemoryBase`."""

    def __init__(self, base: MemoryBase | None = None) -> None:
        super().__init__(base or MemoryBase())
