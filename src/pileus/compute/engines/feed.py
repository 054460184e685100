"""Where the pieces of a lane come from: the ring that the source's process fills, or the recording.

No effects. A lane that has fallen behind, or begins in the past, gets its pieces from the recording until
what is left lies in the ring; then it goes live, without a hole and without a piece twice.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import msgspec

from pileus.compute.engines.lane import Chunk

HOLE_MS = 1000
"""Segments further apart than this have a hole between them."""
ROUNDED_MS = 25
"""A piece that reaches so little beyond what is done is done."""


class Position(NamedTuple):
    """A moment of a life of a source; lives are named so that later ones compare greater."""

    stream: str
    ms: int


NOTHING = Position("", -1)
"""Before everything."""


class Span(msgspec.Struct, frozen=True):
    """A recorded segment."""

    stream: str
    start_ms: int
    stop_ms: int


class Feed:
    """What a lane has taken, and what it may take next.

    Args:
        taken: the start of the last piece taken.
        step_ms: distance of pieces: what begins less than half of it behind the last piece is that piece
            again, decoded another time.
        recent_max: live pieces remembered; so many still lie in the ring.
        is_sound: pieces fill their time, while pictures are of a moment.

    Attributes:
        is_behind: pieces come from the recording.
        missed_ms: how much of the time to catch up with no recording has.
    """

    def __init__(
        self, taken: Position, step_ms: float, recent_max: int, *, is_sound: bool = False
    ) -> None:
        self.taken, self.is_behind, self.missed_ms = taken, False, 0
        self._step_ms, self._is_sound = step_ms, is_sound
        self._done_ms = -1
        self._from_ms = taken.ms + step_ms if taken.ms >= 0 else -1.0
        self._recent: deque[Chunk] = deque(maxlen=recent_max)
        self._join_max = recent_max // 2 + 1
        self._cut: Position | None = None
        self._finished: Span | None = None
        self._replayed: Span | None = None
        self._recorded: Position | None = None
        self._is_first = True
        self._since_ms: int | None = None
        self._is_lossless = False

    def miss_nothing(self, since_ms: int | None = None) -> None:
        """Have nothing missed, of what is captured from a moment of wall time on: it takes a while until the
        source's process knows what it is to make, and what it reads before that is only recorded."""
        self._is_lossless, self._since_ms = True, since_ms

    def is_new(self, chunk: Chunk) -> bool:
        """Whether it lies behind the last piece taken."""
        if chunk.stream != self.taken.stream:
            return chunk.stream > self.taken.stream
        is_later = chunk.start_ms > self.taken.ms + self._near_ms
        return is_later and chunk.stop_ms > self._done_ms + min(self._near_ms / 4, ROUNDED_MS)

    @property
    def _near_ms(self) -> float:
        return min(self._step_ms / 2, HOLE_MS)

    @property
    def from_ms(self) -> int:
        """Pieces of the stream of :attr:`taken` that lie before this are had already; -1: none are."""
        return round(self._from_ms)

    def live(self, chunk: Chunk) -> bool:
        """The source's process has put a piece into the ring; True where the lane is to take it now."""
        if self._recent and self._recent[-1].ring != chunk.ring:
            self._recent.clear()  # a ring that was made anew took the old one's pieces with it
        self._recent.append(chunk)
        is_first, self._is_first = self._is_first, False
        if self.is_behind or not self.is_new(chunk):
            return False
        if is_first and self._is_lossless and self._lacks_before(chunk):
            return False
        if chunk.stream != self.taken.stream:
            self._note_hole(chunk.start_ms)
        return True

    def _lacks_before(self, first: Chunk) -> bool:
        """Whether something wanted was recorded before the first piece of a process; then the lane is behind."""
        recorded = self._recorded
        if recorded is None or recorded.stream != first.stream:
            return False
        is_new = self.taken == NOTHING
        if is_new and self._since_ms is None:
            return False
        from_ms = self._from_ms if self.taken.stream == first.stream else -1.0
        if is_new and self._since_ms is not None:
            from_ms = first.start_ms - max(0, first.captured_at_ms - self._since_ms)
        lacks = max(from_ms + self._step_ms / 2, recorded.ms) < first.start_ms - self._step_ms / 2
        if lacks and is_new:
            self.fall_behind_at(Position(first.stream, max(0, round(from_ms))))
        elif lacks:
            self.fall_behind()
        return lacks

    def took(self, chunk: Chunk) -> None:
        """The lane has it."""
        self.taken, self._done_ms = Position(chunk.stream, chunk.start_ms), -1
        self._from_ms = chunk.start_ms + (self._near_ms if self._is_sound else self._step_ms)

    def fall_behind(self) -> None:
        """What follows the last piece taken must be had from the recording."""
        self.is_behind, self._replayed = True, None

    def lull(self, ring: str, start: Position, stop_ms: int, captured_at_ms: int) -> None:
        """No piece is there from there to there: only of sound that is cut at silences."""

    def had(self, until: Position) -> None:
        """The recording has no piece until there: only of sound that is cut at silences."""

    def fall_behind_before(self, chunk: Chunk) -> None:
        """From this piece on, which was taken and lost, everything must be had again."""
        self.fall_behind()
        self.taken = Position(chunk.stream, round(chunk.start_ms - self._near_ms) - 1)
        self._done_ms, self._from_ms = -1, chunk.start_ms

    def fall_behind_behind(self, taken: Position) -> None:
        """What follows a piece that was taken in another life of the platform must be had."""
        self.fall_behind()
        self.taken, self._done_ms = taken, -1
        self._from_ms = taken.ms + (self._near_ms if self._is_sound else self._step_ms)

    def fall_behind_at(self, begin: Position) -> None:
        """What lies behind a moment must be had again; of sound, what reaches beyond it."""
        self.fall_behind()
        before_ms = begin.ms - self._near_ms - self._step_ms * (1 if self._is_sound else 0.1)
        self.taken = Position(begin.stream, round(before_ms) - 1)
        self._done_ms = begin.ms if self._is_sound else -1
        self._from_ms = begin.ms

    # -- the recording ----------------------------------------------------------------------

    def cut(self, stream: str, start_ms: int) -> None:
        """A segment has begun, and is under way."""
        self._cut = Position(stream, start_ms)
        if self._recorded is None or self._recorded.stream != stream:
            self._recorded = self._cut

    def finished(self, span: Span) -> None:
        """A segment is finished; nothing is under way until the next one begins."""
        self._finished, self._cut = span, None

    def over(self) -> None:
        """No further segment comes of this life of the source."""

    def gone(self) -> None:
        """The source's process is gone, and with it its ring and the segment under way."""
        self._recent.clear()
        self._cut = self._recorded = None
        self._is_first = True

    def wants(self, span: Span) -> bool:
        """Whether pieces of that segment are still to be had."""
        last = self._replayed
        if last is not None and (span.stream, span.start_ms) <= (last.stream, last.start_ms):
            return False
        if span.stream != self.taken.stream:
            return span.stream > self.taken.stream
        return span.stop_ms > self.taken.ms

    def replaying(self, span: Span) -> None:
        """That segment is the next one replayed."""
        self._note_hole(span.start_ms)
        self._replayed = span

    @property
    def is_recording(self) -> bool:
        """Whether a segment is under way."""
        return self._cut is not None

    def join(self) -> list[Chunk] | None:
        """Go live, where no kept segment is wanted any more: what the lane takes of the ring at once.

        None where there would be a hole: the segment under way must be finished and replayed first.
        """
        new = [chunk for chunk in self._recent if self.is_new(chunk)]
        is_next = self._is_next(new)
        if not (is_next or self._is_all_replayed()) or len(new) > self._join_max:
            return None
        if new and not is_next:
            self._note_hole(new[0].start_ms)
        self.is_behind, self._replayed = False, None
        return new

    def _is_next(self, new: list[Chunk]) -> bool:
        """Whether the ring still holds the piece taken last, or the one after it."""
        if not self._recent or self._recent[0].stream != self.taken.stream:
            return False
        is_held = len(new) < len(self._recent)
        return is_held or new[0].start_ms <= max(
            self.taken.ms + self._step_ms * 1.5, self._from_ms + self._step_ms / 2
        )

    def _is_all_replayed(self) -> bool:
        """Whether every finished segment was, and the ring reaches back to the one under way."""
        if self._finished is not None and self.wants(self._finished):
            return False  # it is not stored yet
        if self._cut is None:
            return True
        oldest = self._recent[0] if self._recent else None
        # Pieces are a step apart: none is missing between.
        return oldest is not None and oldest.start_ms <= self._cut.ms + self._step_ms / 2

    def _note_hole(self, until_ms: int) -> None:
        """Count what lies between what was had last and what is there next."""
        from_ms = self.taken.ms if self._replayed is None else self._replayed.stop_ms
        if from_ms >= 0 and until_ms - from_ms > HOLE_MS + self._step_ms:
            self.missed_ms += until_ms - from_ms
