"""A line on a picture with a known truth."""

from __future__ import annotations

import pytest

from .walkers import Detector, Walker, down, up

STEP_MS = 200


def counted(walkers: list[Walker], seed: int, until_ms: int) -> tuple[int, int]:
    """In and out of the horizontal line through the middle, through the tracker."""
    import line
    import tracker

    follow, detector = tracker.Tracker(), Detector(seed)
    counter = line.LineCounter(line.Line((0.0, 0.5), (1.0, 0.5), 0.02))
    for at_ms in range(0, until_ms, STEP_MS):
        boxes = [tracker.Detection(box) for box in detector.look(walkers, at_ms)]
        update = follow.update(at_ms, boxes)
        counter.update((track.number, track.centre) for track in update.tracks if track.is_seen)
        counter.forget(track.number for track in update.ended)
    return counter.came_in, counter.went_out


@pytest.mark.parametrize("seed", range(20))
def test_a_busy_door_is_counted_exactly(seed: int) -> None:
    walkers = [
        (down if number % 3 else up)(f"w{number}", 0.1 + 0.2 * (number % 5), number * 1100)
        for number in range(30)
    ]
    assert counted(walkers, seed, 45_000) == (20, 10)


def test_one_who_turns_round_before_the_line_does_not_count() -> None:
    near = Walker("to", (0.5, 0.2), (0.5, 0.46), 0, 3000)
    back = Walker("fro", (0.5, 0.46), (0.5, 0.2), 3000, 6000)
    assert counted([near, back], 1, 7000) == (0, 0)


def test_one_who_goes_over_and_back_counts_twice() -> None:
    over = Walker("to", (0.5, 0.2), (0.5, 0.8), 0, 4000)
    back = Walker("fro", (0.5, 0.8), (0.5, 0.2), 4000, 8000)
    assert counted([over, back], 2, 9000) == (1, 1)


def test_standing_on_the_line_counts_nothing() -> None:
    import line

    counter = line.LineCounter(line.Line((0.0, 0.5), (1.0, 0.5), 0.02))
    for y in (0.4, 0.4, 0.49, 0.51, 0.495, 0.515, 0.505):
        assert counter.update([(1, (0.5, y))]) == []
    assert counter.update([(1, (0.5, 0.53))]) == []
    assert counter.update([(1, (0.5, 0.54))]) == [line.Crossing(1, "in")]


def test_who_passes_beside_the_line_does_not_cross_it() -> None:
    import line

    counter = line.LineCounter(line.Line((0.4, 0.5), (0.6, 0.5)))
    for y in (0.3, 0.3, 0.7, 0.7):
        assert counter.update([(1, (0.2, y)), (2, (0.5, 0.3))]) == []


def test_a_line_may_slant_and_tells_its_sides() -> None:
    import line

    slanted = line.Line.parse("0.2,0.8,0.8,0.2,0.05")
    assert slanted == line.Line((0.2, 0.8), (0.8, 0.2), 0.05)
    assert [slanted.side(p) for p in ((0.3, 0.3), (0.5, 0.5), (0.7, 0.7))] == [-1, 0, 1]


@pytest.mark.parametrize("text", ["", "1,2,3", "0,0,0,0", "a,b,c,d"])
def test_what_is_no_line_is_refused(text: str) -> None:
    import line

    with pytest.raises(ValueError, match=r"line|float"):
        line.Line.parse(text)
