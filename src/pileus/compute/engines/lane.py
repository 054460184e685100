"""One object engine on one source: what waits, what is sent next, what is dropped, what is done.

No effects and no clock: the runner tells what happened and when, and does what this says. Results leave in
the order in which their chunks came, whatever order instances finish in.
"""

from __future__ import annotations

import enum
from collections import Counter, deque
from collections.abc import Mapping, Sequence
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
    """What an engine looks at: a frame, a piece of audio, a segment.

    Attributes:
        id: the same for the same piece of a stream, however often it is read.
        ring, number: where it lies.
        start_ms, stop_ms: on the source's clock, from its first frame.
        captured_at_ms: wall time.
    """

    id: str
    ring: str
    number: int
    start_ms: int
    stop_ms: int
    captured_at_ms: int


class State(enum.Enum):
    """Of a chunk in its lane."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    DROPPED = "dropped"
    DEAD = "dead"


class Entry(msgspec.Struct):
    """A chunk on its way through the lane; ``result`` once it is done, ``reason`` once it is not."""

    chunk: Chunk
    came_ms: int
    state: State = State.WAITING
    attempts: int = 0
    result: Any = None
    reason: str = ""


class Batch(msgspec.Struct, frozen=True):
    """Chunks of one call."""

    id: int
    entries: tuple[Entry, ...]

    @property
    def chunks(self) -> list[Chunk]:
        """In order."""
        return [entry.chunk for entry in self.entries]


class Lane:
    """The chunks of one engine on one source.

    Attributes:
        drops: chunks left out, by reason.
        behind: the first chunk that found no room under ``never``; nothing is taken until the runner has
            fed everything from there on again (:meth:`caught_up`).
    """

    def __init__(self, settings: LaneSettings) -> None:
        self._settings = settings
        self._entries: deque[Entry] = deque()
        self._waiting: deque[Entry] = deque()
        self._batches = 0
        self.drops: Counter[str] = Counter()
        self.behind: Chunk | None = None

    # -- chunks come ------------------------------------------------------------------------

    def offer(self, chunk: Chunk, now_ms: int) -> bool:
        """Take the next chunk; False where there is no room and it must be brought again later."""
        if self.behind is not None:
            return False
        if len(self._waiting) >= self._settings.waiting_max and self._is_lossless:
            self.behind = chunk
            return False
        entry = Entry(chunk, now_ms)
        self._entries.append(entry)
        self._waiting.append(entry)
        while not self._is_lossless and len(self._waiting) > self._room:
            self._drop(self._waiting.popleft(), OVERTAKEN)
        return True

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
        while (
            not entries[0].attempts
            and self._waiting
            and not self._waiting[0].attempts
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
            if number in results:
                entry.state, entry.result = State.DONE, results[number]
            elif number in gone and not self._is_lossless:
                self._drop(entry, OVERWRITTEN)
            else:
                again.append(entry)
        self._again(again, "the engine gave no result for it")
        for entry in again:
            entry.reason = wrong.get(entry.chunk.number, entry.reason)

    def failed(self, batch: Batch, reason: str) -> None:
        """The call failed with all its chunks: one of them may be poison, so each is tried alone."""
        self._again(list(batch.entries), reason)

    def _again(self, entries: list[Entry], reason: str) -> None:
        for entry in reversed(entries):
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
