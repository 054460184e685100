"""Result objects, and people over one run of a source."""

from __future__ import annotations

import orjson

from pileus.console.detections import BOXES_KEPT, POINTS_KEPT, PeopleTrack, parse_result


def line(pts_ms: float, people: int, source: str = "lobby") -> bytes:
    person = {"box": [0.1, 0.2, 0.3, 0.4], "confidence": 0.9}
    return orjson.dumps({"source": source, "pts_ms": pts_ms, "persons": [person] * people})


def test_frames_come_in_order_by_source() -> None:
    result = parse_result(b"\n".join([line(200, 1), line(0, 2), line(100, 0, "door")]) + b"\n\n")
    assert [frame[0] for frame in result.frames["lobby"]] == [0, 200]
    assert result.frames["lobby"][0][1] == [[0.1, 0.2, 0.3, 0.4, 0.9]] * 2
    assert result.frames["door"] == [(100.0, [])]
    assert result.bad_lines == 0


def test_lines_of_another_form_are_counted() -> None:
    bad = [
        b"no json",
        b"[1]",
        b'{"source": "lobby"}',
        line(0, 1).replace(b"[0.1,0.2", b"[0.1"),
        b"7",
    ]
    result = parse_result(b"\n".join([*bad, line(0, 1)]))
    assert result.bad_lines == len(bad)
    assert list(result.frames) == ["lobby"]


def test_a_repeated_result_changes_nothing() -> None:
    track = PeopleTrack("lobby")
    for _ in range(2):
        assert track.add("lobby/1", [(0.0, []), (100.0, [[0, 0, 1, 1, 1]])])
    assert track.points() == [(0.0, 0), (100.0, 1)]


def test_a_late_result_finds_its_place() -> None:
    track = PeopleTrack("lobby")
    track.add("lobby/1", [(0.0, [])])
    track.add("lobby/3", [(4000.0, [])])
    track.add("lobby/2", [(2000.0, [])])
    assert [pts for pts, _ in track.points()] == [0, 2000, 4000]
    assert track.run == "lobby/1"


def test_a_new_run_begins_at_zero_and_the_old_one_is_forgotten() -> None:
    track = PeopleTrack("lobby")
    track.add("lobby/1", [(0.0, [])])
    track.add("lobby/2", [(2000.0, [])])
    assert track.add("lobby/3", [(0.0, [[0, 0, 1, 1, 1]])])
    assert (track.run, track.points()) == ("lobby/3", [(0.0, 1)])
    assert not track.add("lobby/2", [(2000.0, [])])


def test_a_long_run_is_bounded() -> None:
    track = PeopleTrack("lobby")
    track.add("lobby/1", [(float(at), []) for at in range(POINTS_KEPT + 100)])
    assert len(track.points()) == POINTS_KEPT
    assert len(track.frames()) == BOXES_KEPT
    assert track.frames()[-1][0] == track.points()[-1][0]
