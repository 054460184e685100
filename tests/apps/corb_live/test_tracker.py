"""Names stay with people: on worlds whose truth is known."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import pytest

from .walkers import Detector, Walker, down, up

STEP_MS = 200


def names_of(walkers: list[Walker], seed: int, until_ms: int) -> dict[str, list[int]]:
    """The numbers under which each walker was followed, in order, without repetitions."""
    import tracker

    follow, detector = tracker.Tracker(), Detector(seed)
    found: dict[str, list[int]] = defaultdict(list)
    for at_ms in range(0, until_ms, STEP_MS):
        boxes = [tracker.Detection(box) for box in detector.look(walkers, at_ms)]
        update = follow.update(at_ms, boxes)
        for walker in walkers:
            point = walker.at(at_ms)
            if point is None:
                continue
            near = [t for t in update.tracks if math.dist(t.centre, point) < 0.06]
            if near:
                best = min(near, key=lambda t: math.dist(t.centre, point)).number
                if found[walker.name][-1:] != [best]:
                    found[walker.name].append(best)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_people_apart_keep_one_name_each(seed: int) -> None:
    walkers = [down("a", 0.15, 0), up("b", 0.4, 400), down("c", 0.65, 1000), up("d", 0.9, 1600)]
    found = names_of(walkers, seed, 8000)
    assert {name: len(numbers) for name, numbers in found.items()} == dict.fromkeys("abcd", 1)
    assert len({numbers[0] for numbers in found.values()}) == 4


@pytest.mark.parametrize("seed", range(5))
def test_two_who_pass_each_other_keep_their_names(seed: int) -> None:
    left = Walker("left", (0.1, 0.5), (0.9, 0.53), 0, 6000)
    right = Walker("right", (0.9, 0.47), (0.1, 0.5), 0, 6000)
    found = names_of([left, right], seed, 6200)
    assert found["left"][0] == found["left"][-1] != found["right"][0] == found["right"][-1]


def test_a_name_is_kept_while_someone_is_hidden() -> None:
    import tracker

    follow = tracker.Tracker()
    numbers = set()
    for at_ms in range(0, 6000, STEP_MS):
        x = 0.1 + at_ms / 10_000
        hidden = 2000 <= at_ms < 3600
        boxes = [] if hidden else [tracker.Detection((x, 0.4, x + 0.05, 0.6))]
        numbers |= {track.number for track in follow.update(at_ms, boxes).tracks}
    assert numbers == {1}


def test_what_is_seen_once_or_twice_never_counts() -> None:
    import tracker

    follow = tracker.Tracker()
    told = [
        follow.update(
            at_ms, [tracker.Detection((0.1, 0.1, 0.2, 0.3))] if at_ms in (200, 400) else []
        )
        for at_ms in range(0, 5000, STEP_MS)
    ]
    assert all(not update.tracks and not update.ended for update in told)
    assert follow.finish() == []


def test_who_leaves_ends_with_the_time_of_the_last_sight() -> None:
    import tracker

    follow = tracker.Tracker()
    ended: list[Any] = []
    for at_ms in range(0, 6000, STEP_MS):
        boxes = [tracker.Detection((0.4, 0.4, 0.5, 0.6))] if 1000 <= at_ms <= 2000 else []
        ended += follow.update(at_ms, boxes).ended
    (track,) = ended
    assert (track.first_ms, track.seen_ms, track.dwell_ms, track.hits) == (1000, 2000, 1000, 6)


def test_a_gate_that_sends_nothing_for_a_minute_loses_nobody() -> None:
    import tracker

    follow = tracker.Tracker()
    here = [tracker.Detection((0.4, 0.4, 0.5, 0.6))]
    for at_ms in range(0, 2000, STEP_MS):
        follow.update(at_ms, here)
    (track,) = follow.update(62_000, here).tracks
    assert (track.number, track.dwell_ms) == (1, 62_000)


def test_the_same_pictures_give_the_same_tracks() -> None:
    walkers = [down("a", 0.3, 0), up("b", 0.5, 0)]
    assert names_of(walkers, 7, 6000) == names_of(walkers, 7, 6000)


def test_the_stream_ends_with_those_who_are_there() -> None:
    import tracker

    follow = tracker.Tracker(tracker.TrackerSettings(confirm_hits=1))
    follow.update(0, [tracker.Detection((0, 0, 0.1, 0.1)), tracker.Detection((0.5, 0, 0.6, 0.1))])
    assert [track.number for track in follow.finish()] == [1, 2]
    assert follow.finish() == []


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ((0, 0, 1, 1), (0, 0, 1, 1), 1.0),
        ((0, 0, 1, 1), (0, 0, 0.5, 1), 0.5),
        ((0, 0, 1, 1), (2, 2, 3, 3), 0.0),
        ((0, 0, 0, 0), (0, 0, 0, 0), 0.0),
    ],
)
def test_overlap(one: Any, other: Any, shared: float) -> None:
    import tracker

    assert tracker.overlap(one, other) == pytest.approx(shared)
