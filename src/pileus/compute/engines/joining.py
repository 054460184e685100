"""Pictures and what another engine said of them, brought together. No effects."""

from __future__ import annotations

from collections import deque

from msgspec.structs import replace

from pileus.compute.engines.lane import Chunk


class Joining:
    """Two ordered rows of pieces: frames of a source, and records of another engine about such frames.

    Args:
        near_ms: a record is about the frame that begins so near to it.
        frames_max: frames that may wait for their record.
    """

    def __init__(self, near_ms: float, frames_max: int) -> None:
        self._near_ms, self._frames_max = near_ms, frames_max
        self._frames: deque[tuple[Chunk, bool]] = deque()
        self._records: deque[Chunk] = deque()

    def frame(self, chunk: Chunk, *, is_replayed: bool) -> Chunk | None:
        """Take a frame; the oldest one, where too many wait: the ring will not keep it."""
        self._frames.append((chunk, is_replayed))
        if is_replayed or len(self._frames) <= self._frames_max:
            return None
        return self._frames.popleft()[0]

    def record(self, chunk: Chunk) -> None:
        """Take a record."""
        self._records.append(chunk)

    def pairs(self) -> list[tuple[Chunk, bool]]:
        """Frames with their record, in order. A frame of which the other engine says nothing has none: it
        is known by the record of a later one."""
        found = []
        while self._frames and self._records:
            (frame, is_replayed), record = self._frames[0], self._records[0]
            if frame.stream == record.stream:
                apart_ms = frame.start_ms - record.start_ms
            else:
                apart_ms = -1 << 40 if frame.stream < record.stream else 1 << 40
            if apart_ms < -self._near_ms:
                self._frames.popleft()
            elif apart_ms > self._near_ms:
                self._records.popleft()
            else:
                self._frames.popleft()
                self._records.popleft()
                found.append((replace(frame, record=record.record), is_replayed))
        return found

    def forget_frames(self) -> None:
        """They are brought again."""
        self._frames.clear()

    def forget_records(self) -> None:
        """They are brought again."""
        self._records.clear()

    @property
    def records(self) -> int:
        """Records that wait for their frame."""
        return len(self._records)

    def lowest(self, ring: str) -> int | None:
        """The lowest number of a ring among the frames that wait."""
        return next((each.number for each, _ in self._frames if each.ring == ring), None)
