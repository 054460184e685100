"""One object engine on one source: what waits, what is sent next, what is dropped, what is done.

No effects and no clock: the runner tells what happened and when, and does what this says. Results leave in
the order in which their chunks came, whatever order instances finish in.
"""

from __future__ import annotations

import enum
from collections import Counter, deque
from collections.abc import Container, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

NEVER, OLDEST, NEWEST = "never", "oldest", "newest"
"""What to do with chunks that come faster than they are done: fall behind and catch up from the recording,
leave out the oldest that wait, or keep only the newest that waits."""

OVERTAKEN = "overtaken"
"""Left out because newer ones came."""
OVERWRITTEN = "overwritten"
"""Left out because the ring had moved on before an instance looked."""


class LaneSettings(msgspec.Struct, frozen=True):
    """How a lane treats its chunks.

    Attributes:
        batch_size: most chunks of one call.
        window_ms: how long a batch may wait for more chunks while every instance is busy anyway; an
            idle instance never waits.
        when_behind: ``never``, ``oldest`` or ``newest``.
        waiting_max: chunks that may wait before ``when_behind`` counts.
        attempts_max: calls that may fail with a chunk before it is given up.
    """

    batch_size: int = 1
    window_ms: int = 0
    when_behind: str = NEWEST
    waiting_max: int = 32
    attempts_max: int = 3


class Chunk(msgspec.Struct, frozen=True):
    """What an engine looks at: a frame, a piece of audio, a segment, a record.

    Attributes:
        stream: the life of the source that it is of.
        ring, number: where it lies; no ring where it is data.
        start_ms, stop_ms: on the source's clock, from its first frame.
        captured_at_ms: wall time.
        record: the data, or what another engine said of the frame.
    """

    stream: str
    ring: str
    number: int
    start_ms: int
    stop_ms: int
    captured_at_ms: int
    record: Any = None

    @property
    def id(self) -> str:
        """The same for the same piece, however often it is read."""
        return f"{self.stream}:{self.start_ms}"

    def is_beside(self, other: Chunk) -> bool:
        """Whether both can go in one call."""
        return (self.ring, self.stream) == (other.ring, other.stream)


class State(enum.Enum):
    """Of a chunk in its lane."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    DROPPED = "dropped"
    DEAD = "dead"
    FORGOTTEN = "forgotten"


class Entry(msgspec.Struct, eq=False):
    """A chunk on its way through the lane; ``result`` once it is done, ``reason`` once it is not. What is
    replayed is never left out."""

    chunk: Chunk
    came_ms: int
    state: State = State.WAITING
    attempts: int = 0
    result: Any = None
    reason: str = ""
    is_replayed: bool = False


class Batch(msgspec.Struct, frozen=True):
    """Chunks of one call."""

    id: int
    entries: tuple[Entry, ...]

    def only(self, numbers: Container[int]) -> Batch:
        """The same without other chunks."""
        return Batch(self.id, tuple(each for each in self.entries if each.chunk.number in numbers))

    @property
    def chunks(self) -> list[Chunk]:
        """In order."""
        return [entry.chunk for entry in self.entries]


class Lane:
    """The chunks of one engine on one source.

    Attributes:
        drops: chunks left out, by reason.
        behind: under ``never``, from which chunk on everything must be brought again: there was no room for
            more, or the ring lost it. Nothing is taken until the runner does so (:meth:`caught_up`).
    """

    def __init__(self, settings: LaneSettings) -> None:
        self._settings = settings
        self._entries: deque[Entry] = deque()
        self._waiting: deque[Entry] = deque()
        self._batches = 0
        self.drops: Counter[str] = Counter()
        self.behind: Chunk | None = None

    # -- chunks come ------------------------------------------------------------------------

    def offer(self, chunk: Chunk, now_ms: int, *, is_replayed: bool = False) -> bool:
        """Take the next chunk; False where there is no room and it must be brought again later.

        What is replayed comes no faster than it is done, and is never left out.
        """
        if self.behind is not None:
            return False
        is_full = len(self._waiting) >= self._settings.waiting_max
        if is_full and self._is_lossless and not is_replayed:
            self.behind = self._forget_waiting() or chunk
            return False
        entry = Entry(chunk, now_ms, is_replayed=is_replayed)
        self._entries.append(entry)
        self._waiting.append(entry)
        if not (self._is_lossless or is_replayed):
            self._overtake()
        return True

    def _overtake(self) -> None:
        """Leave out the oldest live chunks that wait, while too many do."""
        live = [each for each in self._waiting if not each.is_replayed]
        for entry in live[: max(0, len(live) - self._room)]:
            self._waiting.remove(entry)
            self._drop(entry, OVERTAKEN)

    def caught_up(self) -> None:
        """The next chunk offered follows the last one taken."""
        self.behind = None

    @property
    def _is_lossless(self) -> bool:
        return self._settings.when_behind == NEVER

    @property
    def _room(self) -> int:
        """Chunks that may wait; those of the batch that is forming always may."""
        is_newest = self._settings.when_behind == NEWEST
        return max(self._settings.batch_size, 1 if is_newest else self._settings.waiting_max)

    def _drop(self, entry: Entry, reason: str) -> None:
        entry.state, entry.reason = State.DROPPED, reason
        self.drops[reason] += 1

    # -- batches go -------------------------------------------------------------------------

    def next_batch(self, now_ms: int, *, is_instance_idle: bool) -> Batch | None:
        """What to send now: at once to an idle instance, else when the batch is full or old enough."""
        if not self._waiting:
            return None
        waited_ms = now_ms - self._waiting[0].came_ms
        is_ripe = len(self._waiting) >= self._settings.batch_size
        if not (is_instance_idle or is_ripe or waited_ms >= self._settings.window_ms):
            return None
        entries = [self._waiting.popleft()]
        # A chunk of a failed call goes alone: it may be what the call failed of.
        first = entries[0]
        while (
            not first.attempts
            and self._waiting
            and not self._waiting[0].attempts
            and first.chunk.is_beside(self._waiting[0].chunk)
            and len(entries) < self._settings.batch_size
        ):
            entries.append(self._waiting.popleft())
        for entry in entries:
            entry.state = State.RUNNING
            entry.attempts += 1
        self._batches += 1
        return Batch(self._batches, tuple(entries))

    def ripe_at_ms(self) -> int | None:
        """When the forming batch is old enough; None where nothing waits."""
        return self._waiting[0].came_ms + self._settings.window_ms if self._waiting else None

    # -- answers come -----------------------------------------------------------------------

    def completed(
        self,
        batch: Batch,
        results: Mapping[int, Any],
        gone: Sequence[int] = (),
        wrong: Mapping[int, str] = MappingProxyType({}),
    ) -> None:
        """The call went well. Results are by chunk number; ``gone``: the ring had moved on; ``wrong``: why
        what the engine gave is no result."""
        again = []
        for entry in batch.entries:
            number = entry.chunk.number
            if entry.state is State.FORGOTTEN:
                continue
            if number in results:
                entry.state, entry.result = State.DONE, results[number]
            elif number in gone and self._is_lossless:
                self._forget_from(entry)
                break
            elif number in gone:
                self._drop(entry, OVERWRITTEN)
            else:
                again.append(entry)
        self._again(again, "the engine gave no result for it")
        for entry in again:
            entry.reason = wrong.get(entry.chunk.number, entry.reason)

    def leave_out(self, batch: Batch, reason: str) -> None:
        """The batch's chunks are nowhere any more."""
        for entry in batch.entries:
            if entry.state is not State.FORGOTTEN:
                self._drop(entry, reason)

    def failed(self, batch: Batch, reason: str) -> None:
        """The call failed with all its chunks: one of them may be poison, so each is tried alone."""
        self._again(list(batch.entries), reason)

    def _forget_waiting(self) -> Chunk | None:
        """The ring will not keep what waits for long: the first of what no instance has seen yet."""
        first = None
        while self._entries and self._entries[-1].state is State.WAITING:
            first = self._entries.pop()
            first.state = State.FORGOTTEN
        self._waiting = deque(each for each in self._waiting if each.state is State.WAITING)
        return None if first is None else first.chunk

    def _forget_from(self, first: Entry) -> None:
        """The ring has lost a chunk: it and what follows must be brought again."""
        while self._entries:
            entry = self._entries.pop()
            entry.state = State.FORGOTTEN
            if entry is first:
                break
        self._waiting = deque(each for each in self._waiting if each.state is State.WAITING)
        self.behind = first.chunk

    def _again(self, entries: list[Entry], reason: str) -> None:
        for entry in reversed(entries):
            if entry.state is State.FORGOTTEN:
                continue
            entry.reason = reason
            if entry.attempts >= self._settings.attempts_max:
                entry.state = State.DEAD
            else:
                entry.state = State.WAITING
                self._waiting.appendleft(entry)

    # -- results leave ----------------------------------------------------------------------

    def leaving(self) -> list[Entry]:
        """Everything at the head that has come to its end, in order; asked for once."""
        left = []
        while self._entries and self._entries[0].state not in (State.WAITING, State.RUNNING):
            left.append(self._entries.popleft())
        return left

    def lowest(self, ring: str) -> int | None:
        """The lowest number of a ring that has not left; None where none is pending."""
        return next((each.chunk.number for each in self._entries if each.chunk.ring == ring), None)

    # -- figures ----------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Chunks that no instance has yet."""
        return len(self._waiting)

    @property
    def pending(self) -> int:
        """Chunks that have not left."""
        return len(self._entries)

    def lag_ms(self, now_ms: int) -> int:
        """How long ago the oldest chunk that has not left was captured; 0 where none is."""
        return max(0, now_ms - self._entries[0].chunk.captured_at_ms) if self._entries else 0
