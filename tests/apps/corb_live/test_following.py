"""What is told of a stream of persons; a successor goes on where a crash came."""

from __future__ import annotations

import json
from typing import Any

from .walkers import Detector, Walker, down, up

STEP_MS = 200
WALKERS = [down("a", 0.2, 0), down("b", 0.5, 600), up("c", 0.8, 1200), down("d", 0.35, 3000)]


def objects(walkers: list[Walker], at_ms: int, detector: Detector) -> list[dict[str, Any]]:
    boxes = detector.look(walkers, at_ms)
    return [{"label": "person", "confidence": 0.8, "box": list(box)} for box in boxes] + [
        {"label": "dog", "confidence": 0.9, "box": [0.4, 0.4, 0.5, 0.5]}
    ]


def told(crash_after: int | None = None) -> list[list[dict[str, Any]]]:
    """What is said of each picture; its state goes through JSON where a crash comes."""
    from following import Follower
    from line import Line

    line = Line((0.0, 0.5), (1.0, 0.5), 0.02)
    follower, detector, said = Follower(line), Detector(3, invented=0.0), []
    for number, at_ms in enumerate(range(0, 12_000, STEP_MS)):
        if number == crash_after:
            follower = Follower(line, json.loads(json.dumps(follower.state())))
        said.append(follower.see(at_ms, objects(WALKERS, at_ms, detector)))
    return [*said, follower.finish()]


def of(said: list[list[dict[str, Any]]], label: str) -> list[dict[str, Any]]:
    return [each for objects in said for each in objects if each["label"] == label]


def test_persons_are_counted_followed_and_leave() -> None:
    said = told()
    counts = [each["attributes"] for each in of(said, "occupancy")]
    assert counts[-1] == {"persons": 0, "in": 3, "out": 1}
    assert max(each["persons"] for each in counts) == 4
    assert [each["attributes"]["direction"] for each in of(said, "crossing")].count("in") == 3
    left = of(said, "left")
    assert len(left) == 4
    assert all(4000 <= each["attributes"]["dwell_ms"] <= 5200 for each in left)
    assert {each["label"] for objects in said for each in objects} == {
        "occupancy", "person", "crossing", "left"
    }  # fmt: skip


def test_occupancy_follows_within_a_second() -> None:
    from following import Follower
    from line import Line

    follower = Follower(Line((0.0, 0.5), (1.0, 0.5)))
    here = [{"label": "person", "confidence": 0.9, "box": [0.4, 0.4, 0.5, 0.6]}]
    counts = {}
    for at_ms in range(0, 6000, STEP_MS):
        follower.see(at_ms, here if 1000 <= at_ms < 4000 else [])
        counts[at_ms] = follower.persons
    assert [at_ms for at_ms, persons in counts.items() if persons] == list(
        range(1400, 4600, STEP_MS)
    )


def test_a_successor_says_what_its_predecessor_would_have_said() -> None:
    whole = told()
    for number in (1, 7, 20, 31, 59):
        assert told(number) == whole
