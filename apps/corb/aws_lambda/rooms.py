"""What is known of a room and how an observation changes it. Pure: no clock, no table."""

from __future__ import annotations

from dataclasses import dataclass, replace

MINUTE_MS = 60_000


@dataclass(frozen=True)
class Observation:
    """Persons seen in one segment.

    Attributes:
        at_ms: when the segment was captured, epoch milliseconds.
    """

    room: str
    segment: str
    at_ms: int
    persons: int


@dataclass(frozen=True)
class Room:
    """A room as last seen.

    Attributes:
        persons: in the newest segment.
        as_of_ms: when that was captured; 0 before the first.
        peak, peak_at_ms: the most ever seen, and when.
        episode: names the current time of being too full, None while it is not.
        version: counts changes, so that two writers notice each other.
    """

    name: str
    persons: int = 0
    as_of_ms: int = 0
    peak: int = 0
    peak_at_ms: int = 0
    episode: str | None = None
    version: int = 0


@dataclass(frozen=True)
class Minute:
    """A minute of a room; the mean is ``persons_sum / segments``."""

    segments: int = 0
    persons_sum: int = 0
    persons_max: int = 0

    def with_segment(self, persons: int) -> Minute:
        """One segment more."""
        return Minute(self.segments + 1, self.persons_sum + persons, max(self.persons_max, persons))


def observe(room: Room, seen: Observation, limit: int) -> tuple[Room, str | None]:
    """The room after an observation, and the episode that begins with it, if one does.

    A room is too full with more than ``limit`` persons, and stays in that episode until fewer than
    ``limit`` are seen: standing at the limit neither begins nor ends one. Segments are analysed in
    parallel, so an older observation may come late: it counts for the peak, not for the present.
    """
    after = replace(room, version=room.version + 1)
    if seen.persons > room.peak:
        after = replace(after, peak=seen.persons, peak_at_ms=seen.at_ms)
    if seen.at_ms <= room.as_of_ms:
        return after, None
    after = replace(after, persons=seen.persons, as_of_ms=seen.at_ms)
    if room.episode is None and seen.persons > limit:
        episode = f"{room.name}/{seen.segment}"
        return replace(after, episode=episode), episode
    if room.episode is not None and seen.persons < limit:
        return replace(after, episode=None), None
    return after, None


def minute_of(at_ms: int) -> int:
    """The beginning of the minute, epoch milliseconds."""
    return at_ms - at_ms % MINUTE_MS
