"""One partition as its readers see it: bounds, the newest records in memory, who waits for more."""

from __future__ import annotations

import asyncio
from collections import deque

import msgspec

from pileus.adapters.log_segments import Recovered, Wanted
from pileus.adapters.log_writer import Append, PartitionEnd
from pileus.ports.log import Record

_TAIL_BYTES = 256 << 10
"""Kept in memory for each partition …"""
_TAILS_BYTES_MAX = 8 << 20
"""… and for all of them."""
_RECORD_OVERHEAD_BYTES = 200


class TailBudget(msgspec.Struct):
    """Bytes that all tails hold together."""

    held_bytes: int = 0


class Partition:
    """What readers see of a partition. Lives on the event loop."""

    def __init__(self, end: PartitionEnd, found: Recovered, budget: TailBudget) -> None:
        self.end = end
        end.offset, end.size_bytes = found.next_offset, found.size_bytes
        end.segment = found.segments[-1] if found.segments else None
        self.segments = found.segments
        self.next_offset = found.next_offset
        self.waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._tail: deque[Record] = deque()
        self._tail_bytes = 0
        self._budget = budget

    @property
    def first_offset(self) -> int:
        return self.segments[0].base if self.segments else self.next_offset

    def publish(self, append: Append) -> None:
        for segment in append.segments:
            # One that a failed append left empty gives way to its successor.
            while self.segments and self.segments[-1].base >= segment.base:
                self.segments.pop()
            self.segments.append(segment)
        for segment, first, position in append.notes:
            segment.note(first, position)
        self.next_offset = append.first + len(append.records)
        for offset, (at_ms, key, value) in enumerate(append.records, append.first):
            self._tail.append(Record(offset, at_ms, key, value))
            self._hold(_RECORD_OVERHEAD_BYTES + len(key) + len(value))
        while self._tail and (
            self._tail_bytes > _TAIL_BYTES or self._budget.held_bytes > _TAILS_BYTES_MAX
        ):
            gone = self._tail.popleft()
            self._hold(-_RECORD_OVERHEAD_BYTES - len(gone.key) - len(gone.value))
        self._wake()

    def from_tail(self, wanted: Wanted) -> list[Record] | None:
        """The wanted records when memory holds them, else None."""
        if not self._tail or wanted.start < self._tail[0].offset:
            return None
        found: list[Record] = []
        held_bytes = 0
        begin = wanted.start - self._tail[0].offset
        for at in range(begin, min(len(self._tail), begin + wanted.limit)):
            record = self._tail[at]
            held_bytes += len(record.key) + len(record.value)
            if found and held_bytes > wanted.bytes_max:
                break
            found.append(record)
        return found

    def drop_tail(self) -> None:
        self._tail.clear()
        self._hold(-self._tail_bytes)

    def fail_waiters(self, error: Exception) -> None:
        for _, future in self.waiters:
            if not future.done():
                future.set_exception(error)
        self.waiters.clear()

    def _hold(self, more_bytes: int) -> None:
        self._tail_bytes += more_bytes
        self._budget.held_bytes += more_bytes

    def _wake(self) -> None:
        waiting = []
        for offset, future in self.waiters:
            if offset >= self.next_offset:
                waiting.append((offset, future))
            elif not future.done():
                future.set_result(None)
        self.waiters = waiting
