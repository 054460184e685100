"""Where the pieces of a lane come from when sound is cut at silences (``media/stretches.py``).

Pieces have any length, and between them are lulls that nobody has. So what counts is until where a lane has had
the sound: it goes on behind that place, and goes live where the ring's pieces and lulls have a seam there.
"""

from __future__ import annotations

from collections.abc import Iterable

from pileus.compute.engines.feed import HOLE_MS, NOTHING, ROUNDED_MS, Feed, Position, Span
from pileus.compute.engines.lane import Chunk

_LATE_MS = 100
"""Sound that begins so little behind the recording has lost nothing."""


class CutFeed(Feed):
    """What a lane has had, and what it may take next; ``taken`` is until where.

    Args:
        memory_ms: so much of the sound before a place tells how it is cut from there on.
    """

    def __init__(self, recent_max: int, memory_ms: int) -> None:
        super().__init__(NOTHING, 0, recent_max, is_sound=True)
        self._memory_ms = memory_ms
        self._ring = ""
        self._known: tuple[Position, int] | None = None
        """From where to where the live pieces that are remembered, and lulls, cover the sound."""
        self._is_over = False

    def is_new(self, chunk: Chunk) -> bool:
        """Whether it lies behind what was had."""
        if chunk.stream != self.taken.stream:
            return chunk.stream > self.taken.stream
        return self._is_behind_taken(chunk) and not self._straddles(chunk)

    def _is_behind_taken(self, chunk: Chunk) -> bool:
        return chunk.stop_ms > self.taken.ms + ROUNDED_MS

    def _straddles(self, chunk: Chunk) -> bool:
        """A part of it was had: it was cut otherwise then."""
        is_begun = chunk.start_ms < self.taken.ms - ROUNDED_MS
        return chunk.stream == self.taken.stream and is_begun and self._is_behind_taken(chunk)

    @property
    def from_ms(self) -> int:
        """Where reading the recording begins; -1: with all of it."""
        return self.taken.ms

    # -- live -------------------------------------------------------------------------------

    def live(self, chunk: Chunk) -> bool:
        """A piece is in the ring; True where the lane is to take it now."""
        start = Position(chunk.stream, chunk.start_ms)
        self._cover(chunk.ring, start, chunk.stop_ms, chunk.captured_at_ms)
        if self._known is not None and len(self._recent) == self._recent.maxlen:
            self._known = (Position(chunk.stream, self._recent[0].stop_ms), chunk.stop_ms)
        self._recent.append(chunk)
        if self.is_behind:
            return False
        if self._straddles(chunk) and self._is_lossless:
            self.fall_behind()
            return False
        if not self.is_new(chunk):
            return False
        if chunk.stream != self.taken.stream:
            self._note_hole(chunk.start_ms)
        return True

    def lull(self, ring: str, start: Position, stop_ms: int, captured_at_ms: int) -> None:
        """The source's process has no piece from there to there."""
        self._cover(ring, start, stop_ms, captured_at_ms)
        if not self.is_behind:
            self.had(Position(start.stream, stop_ms))

    def _cover(self, ring: str, start: Position, stop_ms: int, captured_at_ms: int) -> None:
        if self._known is None or (ring, start.stream) != (self._ring, self._known[0].stream):
            self._recent.clear()  # a ring that was made anew took the old one's pieces with it
            self._ring, self._known = ring, (start, stop_ms)
            if self._is_lossless and not self.is_behind:
                self._look_before(start, captured_at_ms - (stop_ms - start.ms))
        self._known = (self._known[0], stop_ms)

    def _look_before(self, start: Position, captured_at_ms: int) -> None:
        """Fall behind where something wanted was recorded before the first sound of a process."""
        recorded = self._recorded
        if recorded is None or recorded.stream != start.stream:
            return
        from_ms = -1
        if self.taken.stream == start.stream:
            from_ms = self.taken.ms
        elif self.taken == NOTHING:
            if self._since_ms is None:
                return
            from_ms = start.ms - max(0, captured_at_ms - self._since_ms)
        if max(from_ms, recorded.ms) < start.ms - _LATE_MS:
            if self.taken == NOTHING:
                self.fall_behind_at(Position(start.stream, max(0, from_ms)))
            else:
                self.fall_behind()

    # -- what was had -----------------------------------------------------------------------

    def took(self, chunk: Chunk) -> None:
        """The lane has it."""
        self.taken = Position(chunk.stream, chunk.stop_ms)

    def had(self, until: Position) -> None:
        """There is no piece until there."""
        self.taken = max(self.taken, until)

    def fall_behind_before(self, chunk: Chunk) -> None:
        """From this piece on, which was taken and lost, everything must be had again."""
        self.fall_behind_at(Position(chunk.stream, chunk.start_ms))

    def fall_behind_behind(self, taken: Position) -> None:
        """What follows the end of a piece must be had."""
        self.fall_behind_at(taken)

    def fall_behind_at(self, begin: Position) -> None:
        """What lies behind a moment must be had."""
        self.fall_behind()
        self.taken = begin

    # -- the recording ----------------------------------------------------------------------

    def cut(self, stream: str, start_ms: int) -> None:
        """A segment has begun."""
        super().cut(stream, start_ms)
        self._is_over = False

    def finished(self, span: Span) -> None:
        """A segment is finished. Whether a silence follows is known when the next one begins."""
        self._finished = span

    def over(self) -> None:
        """No further segment comes of this life of the source."""
        self._is_over = True

    def gone(self) -> None:
        """The source's process is gone, and the piece under way with it, of which a part may be recorded."""
        super().gone()
        self._known = None
        if self._is_lossless and self.taken != NOTHING:
            self.fall_behind()

    def wants(self, span: Span) -> bool:
        """Whether a segment is still to be read: what is before tells how it is cut."""
        last = self._replayed
        if last is not None and (span.stream, span.start_ms) <= (last.stream, last.start_ms):
            return False
        if span.stream != self.taken.stream:
            return span.stream > self.taken.stream
        return span.stop_ms > self.taken.ms - self._memory_ms

    @property
    def is_recording(self) -> bool:
        """Whether what follows the end of the recording may belong to it: a piece may go on there."""
        if self._is_over:
            return False
        if self._cut is None or self._known is None:
            return True
        last = self._replayed
        end = self.taken if last is None else Position(last.stream, last.stop_ms)
        if self._cut.stream != end.stream:
            return self._cut.stream < end.stream
        is_covered = self._known[0] <= Position(self._cut.stream, self._cut.ms + HOLE_MS)
        return not (is_covered and self._cut.ms - end.ms > HOLE_MS)

    def join(self) -> list[Chunk] | None:
        """Go live, where a seam of what is live lies at what was had last; None where there is none yet."""
        new = [chunk for chunk in self._recent if self.is_new(chunk)]
        has_seam = self._has_seam(self._recent)
        if not (has_seam or self._is_all_replayed()):
            return None
        if len(new) > self._join_max and not self._is_over:
            return None
        if not has_seam and self._cut is not None:
            self._note_hole(self._cut.ms)
        self.is_behind, self._replayed = False, None
        return new

    def _has_seam(self, recent: Iterable[Chunk]) -> bool:
        if self._known is None or self._known[0].stream != self.taken.stream:
            return False
        from_ms, to_ms = self._known[0].ms, self._known[1]
        is_known = from_ms <= self.taken.ms + ROUNDED_MS and self.taken.ms <= to_ms + ROUNDED_MS
        return is_known and not any(self._straddles(chunk) for chunk in recent)

    def _is_all_replayed(self) -> bool:
        """Whether every finished segment was, and nothing of it goes on behind."""
        if self._finished is not None and self.wants(self._finished):
            return False  # it is not stored yet
        return not self.is_recording
