"""Which records of a shard are dealt with, when parallel lanes deal with them out of order."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from hashlib import blake2b

from pileus.services.lambda_.streams.model import Progress, Record


class Checkpoints:
    """Keeps a shard's Progress true.

    ``last`` is as far as everything is dealt with. A lane that is further is noted in ``ahead``, so
    that a restart repeats nothing but the batches that were under way.
    """

    def __init__(self, progress: Progress, lanes: int) -> None:
        self.progress = progress
        self._waiting: deque[tuple[int, str]] = deque()
        self._finished: set[int] = set()
        if progress.lanes != lanes:
            # Keys fall into other lanes now: what single lanes did ahead cannot be told any more.
            progress.lanes, progress.ahead = lanes, {}
        self._ahead = {lane: int(sequence) for lane, sequence in progress.ahead.items()}

    def lane_of(self, record: Record) -> int:
        """The lane that deals with the records of a key."""
        lanes = self.progress.lanes
        if lanes == 1:
            return 0
        return int.from_bytes(blake2b(record.key.encode(), digest_size=8).digest()) % lanes

    def is_new(self, record: Record) -> bool:
        """False for what a lane had dealt with before a restart."""
        return record.number > self._ahead.get(self.lane_of(record), 0)

    def take(self, record: Record) -> None:
        """A record was read; they come in order."""
        self._waiting.append((record.number, record.sequence))

    @property
    def is_idle(self) -> bool:
        """Everything that was read is dealt with."""
        return not self._waiting

    def drop(self, record: Record) -> None:
        """Note that a record needs no work."""
        self._finished.add(record.number)
        self._move()

    def finish(self, lane: int, records: Sequence[Record]) -> None:
        """Note that a lane dealt with records."""
        self._finished.update(record.number for record in records)
        self._ahead[lane] = max(self._ahead.get(lane, 0), records[-1].number)
        self._move()

    def _move(self) -> None:
        progress = self.progress
        while self._waiting and self._waiting[0][0] in self._finished:
            number, progress.last = self._waiting.popleft()
            self._finished.discard(number)
        last = int(progress.last or 0)
        progress.ahead = {
            lane: str(number) for lane, number in self._ahead.items() if number > last
        }
