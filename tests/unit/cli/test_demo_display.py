"""What somebody without a terminal reads of a demonstration."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from pileus.cli.demo_display import DemoDisplay, behind
from pileus.cli.demo_player import Played
from pileus.deploy.api import Api
from pileus.deploy.demonstration import Pace, Results, SegmentResult


@pytest.fixture
def results(tmp_path: Path) -> Results:
    api = Api("http://platform", "1" * 12, "us-east-1")
    return Results(api, tmp_path / "detections.jsonl")


def test_without_a_terminal_a_line_every_ten_seconds(results: Results) -> None:
    said = io.StringIO()
    played = Played(duration_ms=79_500)
    with DemoDisplay(Console(file=said), "http://page/") as display:
        display.show(results, played, 1.0)
        assert said.getvalue() == "", "nothing has come yet"
        results.segments.append(SegmentResult("lobby/a", 1000, 3500, frames=20, persons=7))
        for now_s in (2.0, 3.0, 11.9):
            display.show(results, played, now_s)
        results.segments.append(SegmentResult("lobby/b", 3000, 6000, frames=20, persons=1))
        display.show(results, played, 12.0)
    assert said.getvalue().splitlines() == [
        "1 of 40 segments, 7 people now, lag 2.50 s, 20 frames, 8.0 a second",
        "2 of 40 segments, 1 person now, lag 3.00 s, 40 frames, 8.0 a second",
    ]


def test_who_was_late_is_told_what_to_do() -> None:
    assert behind(Pace(1500, 8503, False, 2.3)) == (
        "This machine did not keep up: in the end results came 8.50 s after capture, and 1.50 s is "
        "in time. Nothing is lost by it. It would manage about --speed 2.3; or end other work on "
        "it, or play a video with fewer frames a second."
    )
    assert behind(Pace(3000, 3200, True, 1.0)) == (
        "In the end results came 3.20 s after capture, and 3.00 s is in time. This machine kept "
        "up, but answers slowly: end other work on it, or choose a lower --speed."
    )


def test_the_number_of_segments_is_exact_once_the_source_ended() -> None:
    played = Played(keys=["lobby/a.mkv"], duration_ms=4100)
    assert played.expected == 3
    played.is_over = True
    assert played.expected == 1
