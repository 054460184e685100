"""From persons in pictures to persons with numbers, an occupancy, and counts across a line. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from line import Line, LineCounter
from tracker import Detection, Track, Tracker

PERSON = "person"
PRESENT_MS = 800
"""Who was not seen for so long is not counted, though remembered: occupancy is to follow within a second."""
SHOWN_MS = 450
"""Who was not seen for so long has no box: the detector misses persons in single pictures."""


class Follower:
    """One stream's persons."""

    def __init__(self, line: Line, state: Mapping[str, Any] | None = None) -> None:
        """``state``: what :meth:`state` of a predecessor said."""
        self._tracker = Tracker()
        self._counter = LineCounter(line)
        self.persons = 0
        if state is not None:
            self._tracker.restore(state["tracker"])
            self._counter.restore(state["line"])

    def state(self) -> dict[str, Any]:
        """All that a successor needs, as JSON takes it."""
        return {"tracker": self._tracker.state(), "line": self._counter.state()}

    def see(self, at_ms: int, objects: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """A picture's objects, of which persons are followed; the objects to tell of it."""
        found = [
            Detection(each["box"], each.get("confidence", 1.0))
            for each in objects
            if each["label"] == PERSON
        ]
        update = self._tracker.update(at_ms, found)
        crossings = self._counter.update(
            (track.number, track.centre) for track in update.tracks if track.is_seen
        )
        self._counter.forget(track.number for track in update.ended)
        self.persons = sum(at_ms - track.seen_ms < PRESENT_MS for track in update.tracks)
        shown = [track for track in update.tracks if at_ms - track.seen_ms <= SHOWN_MS]
        return [
            self._occupancy(),
            *(_person(track, at_ms) for track in shown),
            *(
                {
                    "label": "crossing",
                    "track": each.number,
                    "attributes": {"direction": each.direction},
                }
                for each in crossings
            ),
            *(_left(track) for track in update.ended),
        ]

    def finish(self) -> list[dict[str, Any]]:
        """The stream has ended: those who were there are told as left."""
        left = self._tracker.finish()
        self.persons = 0
        return [self._occupancy(), *(_left(track) for track in left)]

    def _occupancy(self) -> dict[str, Any]:
        counts = {"in": self._counter.came_in, "out": self._counter.went_out}
        return {"label": "occupancy", "attributes": {"persons": self.persons, **counts}}


def _person(track: Track, at_ms: int) -> dict[str, Any]:
    return {
        "label": PERSON,
        "track": track.number,
        "confidence": track.confidence,
        "box": [round(min(1.0, max(0.0, edge)), 4) for edge in track.box],
        "attributes": {"dwell_ms": at_ms - track.first_ms},
    }


def _left(track: Track) -> dict[str, Any]:
    return {"label": "left", "track": track.number, "attributes": {"dwell_ms": track.dwell_ms}}
