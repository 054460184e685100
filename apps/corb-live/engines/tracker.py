"""Follows things from picture to picture: boxes in, boxes with names that stay out.

Every track is a Kalman filter of its centre with constant velocity; its size is smoothed. A picture's boxes
are joined to the predicted tracks, nearest pairs first, by the distance of their centres in parts of the
box's own size and by how little they overlap. A thing that was not seen for a while keeps its name until
``lost_ms`` have passed; a box that nobody follows begins a track, which counts once it was seen
``confirm_hits`` times.

Pure: no clock, no chance; the same pictures give the same tracks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Box = Sequence[float]
"""``[x0, y0, x1, y1]`` in parts of the picture."""

_STEP_MS_MAX = 1000
"""Where no picture came for longer (a motion gate), things were still: nobody is moved further than this."""


@dataclass(frozen=True)
class Detection:
    """A box in a picture."""

    box: Box
    confidence: float = 1.0


@dataclass(frozen=True)
class TrackerSettings:
    """How a tracker decides.

    Attributes:
        confirm_hits: pictures in which a thing must be seen before it counts.
        lost_ms: a thing that was not seen for so long is gone.
        tentative_ms: as ``lost_ms`` for things that do not count yet.
        cost_max: pairs that differ by more are never joined; 1 is a whole box apart.
        acceleration: standard deviation of unforeseen acceleration, box heights a second squared.
        jitter: standard deviation of a detected centre, box heights.
    """

    confirm_hits: int = 3
    lost_ms: int = 2500
    tentative_ms: int = 500
    cost_max: float = 1.1
    acceleration: float = 0.7
    jitter: float = 0.06


@dataclass(frozen=True)
class Track:
    """A thing as last known.

    Attributes:
        number: its name; never used again.
        box: where it is believed to be.
        confidence: of its last detection.
        first_ms, seen_ms: when it was seen first and last.
        hits: pictures in which it was seen.
        is_confirmed: it was seen often enough to count.
        is_seen: it was seen in the last picture.
    """

    number: int
    box: tuple[float, float, float, float]
    confidence: float
    first_ms: int
    seen_ms: int
    hits: int
    is_confirmed: bool
    is_seen: bool

    @property
    def centre(self) -> tuple[float, float]:
        """Of the box, in parts of the picture."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2

    @property
    def dwell_ms(self) -> int:
        """From its first to its last sight."""
        return self.seen_ms - self.first_ms


@dataclass(frozen=True)
class Update:
    """What a picture changed: tracks that count, and those that counted and are gone now."""

    tracks: list[Track]
    ended: list[Track]


@dataclass
class _Followed:
    """A track with its filter: state (x, y, x a second, y a second) and covariance."""

    track: Track
    state: NDArray[np.float64]
    covariance: NDArray[np.float64]
    size: tuple[float, float]
    unseen_ms: float = field(default=0.0)


class Tracker:
    """Tracks of one source; pictures come in the order of their times."""

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        self._settings = settings or TrackerSettings()
        self._followed: list[_Followed] = []
        self._last_ms: int | None = None
        self._next_number = 1

    def update(self, at_ms: int, detections: Sequence[Detection]) -> Update:
        """Take a picture's detections; a picture older than the last one counts as of the same time."""
        step_ms = 0 if self._last_ms is None else max(0, at_ms - self._last_ms)
        step_ms = min(step_ms, _STEP_MS_MAX)
        self._last_ms = at_ms
        for each in self._followed:
            self._predict(each, step_ms / 1000)
        left = self._join(at_ms, detections, step_ms)
        ended = self._forget()
        self._followed += [self._begin(at_ms, found) for found in left]
        return Update([each.track for each in self._followed if each.track.is_confirmed], ended)

    def finish(self) -> list[Track]:
        """The tracks that counted until the end of the stream."""
        left = [each.track for each in self._followed if each.track.is_confirmed]
        self._followed = []
        return left

    def state(self) -> dict[str, Any]:
        """Everything it knows, as JSON takes it."""
        return {
            "last_ms": self._last_ms,
            "next_number": self._next_number,
            "followed": [
                {
                    "track": asdict(each.track),
                    "state": each.state.tolist(),
                    "covariance": each.covariance.tolist(),
                    "size": each.size,
                    "unseen_ms": each.unseen_ms,
                }
                for each in self._followed
            ],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where another one's :meth:`state` was."""
        self._last_ms, self._next_number = state["last_ms"], state["next_number"]
        self._followed = [
            _Followed(
                track=Track(**{**each["track"], "box": tuple(each["track"]["box"])}),
                state=np.array(each["state"]),
                covariance=np.array(each["covariance"]),
                size=tuple(each["size"]),
                unseen_ms=each["unseen_ms"],
            )
            for each in state["followed"]
        ]

    # -- joining ----------------------------------------------------------------------------

    def _join(self, at_ms: int, detections: Sequence[Detection], step_ms: float) -> list[Detection]:
        """Give tracks their detections, certain tracks first; what is left of the detections."""
        left = list(range(len(detections)))
        for is_confirmed in (True, False):
            tracks = [e for e in self._followed if e.track.is_confirmed is is_confirmed]
            for track, at in self._pairs(tracks, detections, left):
                self._correct(track, detections[at], at_ms)
                left.remove(at)
        for each in self._followed:
            if each.track.seen_ms != at_ms or not each.track.is_seen:
                each.unseen_ms += step_ms
        return [detections[at] for at in left]

    def _pairs(
        self, tracks: list[_Followed], detections: Sequence[Detection], left: list[int]
    ) -> list[tuple[_Followed, int]]:
        costs = sorted(
            (cost, order, at)
            for order, track in enumerate(tracks)
            for at in left
            if (cost := _cost(track, detections[at].box)) <= self._settings.cost_max
        )
        taken_tracks: set[int] = set()
        taken_boxes: set[int] = set()
        pairs = []
        for _, order, at in costs:
            if order not in taken_tracks and at not in taken_boxes:
                taken_tracks.add(order)
                taken_boxes.add(at)
                pairs.append((tracks[order], at))
        return pairs

    def _forget(self) -> list[Track]:
        """Drop what was not seen for too long; those that counted."""
        settings = self._settings
        ended, kept = [], []
        for each in self._followed:
            is_confirmed = each.track.is_confirmed
            if each.unseen_ms <= (settings.lost_ms if is_confirmed else settings.tentative_ms):
                kept.append(each)
            elif is_confirmed:
                ended.append(each.track)
        self._followed = kept
        return ended

    # -- the filter -------------------------------------------------------------------------

    def _begin(self, at_ms: int, found: Detection) -> _Followed:
        x, y, width, height = _centred(found.box)
        track = Track(
            number=self._next_number,
            box=_corners(x, y, width, height),
            confidence=found.confidence,
            first_ms=at_ms,
            seen_ms=at_ms,
            hits=1,
            is_confirmed=self._settings.confirm_hits <= 1,
            is_seen=True,
        )
        self._next_number += 1
        spread = (self._settings.jitter * height) ** 2
        # Its speed is unknown: up to a height a second.
        covariance = np.diag([spread, spread, height**2, height**2])
        return _Followed(track, np.array([x, y, 0.0, 0.0]), covariance, (width, height))

    def _predict(self, each: _Followed, step_s: float) -> None:
        move = np.eye(4)
        move[0, 2] = move[1, 3] = step_s
        push = (self._settings.acceleration * each.size[1]) ** 2
        half = step_s**2 / 2
        noise = push * np.array(
            [
                [half**2, 0, half * step_s, 0],
                [0, half**2, 0, half * step_s],
                [half * step_s, 0, step_s**2, 0],
                [0, half * step_s, 0, step_s**2],
            ]
        )
        each.state = move @ each.state
        each.covariance = move @ each.covariance @ move.T + noise
        x, y = each.state[:2]
        each.track = replace(each.track, box=_corners(x, y, *each.size), is_seen=False)

    def _correct(self, each: _Followed, found: Detection, at_ms: int) -> None:
        x, y, width, height = _centred(found.box)
        spread = (self._settings.jitter * height) ** 2 * np.eye(2)
        gain = each.covariance[:, :2] @ np.linalg.inv(each.covariance[:2, :2] + spread)
        each.state = each.state + gain @ (np.array([x, y]) - each.state[:2])
        each.covariance = each.covariance - gain @ each.covariance[:2, :]
        each.size = ((each.size[0] + width) / 2, (each.size[1] + height) / 2)
        each.unseen_ms = 0.0
        hits = each.track.hits + 1
        each.track = replace(
            each.track,
            box=_corners(each.state[0], each.state[1], *each.size),
            confidence=found.confidence,
            seen_ms=at_ms,
            hits=hits,
            is_confirmed=each.track.is_confirmed or hits >= self._settings.confirm_hits,
            is_seen=True,
        )


def _centred(box: Box) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = box
    return (x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, 1e-6), max(y1 - y0, 1e-6)


def _corners(x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
    return (
        float(x - width / 2),
        float(y - height / 2),
        float(x + width / 2),
        float(y + height / 2),
    )


def _cost(each: _Followed, box: Box) -> float:
    """0 for the same box; half of it is the distance of the centres, half the lack of overlap."""
    x, y, width, height = _centred(box)
    at_x, at_y = each.state[:2]
    across, down = max(width, each.size[0]), max(height, each.size[1])
    distance = math.hypot((x - at_x) / across, (y - at_y) / down)
    return distance / 2 + (1 - overlap(each.track.box, box)) / 2


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, 0-1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    both = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / (both - shared) if both > shared else 0.0
