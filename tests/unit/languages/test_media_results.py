"""Results of engines: what is taken, what is refused, and the exports."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.languages.media_results import InvalidResult, checked, line, subrip, veritone, webvtt

PERSON = {"label": "person", "confidence": 0.93, "box": [0.1, 0.2, 0.3, 0.9]}
WORDS = [
    {"word": "Hello", "start_ms": 0, "stop_ms": 400},
    {"word": "<you>", "start_ms": 400, "stop_ms": 900, "confidence": 0.5},
]


def test_objects_are_one_series_over_the_chunk():
    assert checked([PERSON, PERSON], 200, 400) == [
        {"start_ms": 200, "stop_ms": 400, "objects": [PERSON, PERSON]}
    ]


def test_nothing_and_no_objects_are_results():
    assert checked(None, 0, 1) == []
    assert checked([], 0, 1) == []


def test_series_keep_their_own_times():
    given = {"start_ms": 10.4, "stop_ms": 900, "words": WORDS}
    assert checked(given, 0, 1000)[0]["start_ms"] == 10


REFUSED: list[tuple[Any, str]] = [
    (7, "a list or None, not int"),
    ([7], "a series is a mapping, not int"),
    ([{"objekts": []}], "no 'objekts'"),
    ([{"objects": 7}], "objects is a list"),
    ([{"start_ms": 9, "stop_ms": 3}], "before start_ms"),
    ([{"start_ms": True}], "number of milliseconds"),
    ([{**PERSON, "confidence": 1.1}], "between 0 and 1"),
    ([{**PERSON, "confidence": float("nan")}], "confidence is a number"),
    ([{**PERSON, "box": [0, 0, 1]}], r"a box is \[x0"),
    ([{**PERSON, "label": ""}], "has a label"),
    ([{"words": [{"text": "x"}]}], "no 'text'"),
    ([{"words": [{"word": 3}]}], "its text"),
]


@pytest.mark.parametrize(("given", "words"), REFUSED)
def test_other_things_are_refused(given: Any, words: str):
    with pytest.raises(InvalidResult, match=words):
        checked(given, 0, 10)


def test_captions():
    series = [
        *checked({"words": WORDS}, 0, 900),
        *checked([PERSON], 0, 900),
        *checked({"words": [{"word": "late"}]}, 3_723_004, 3_724_000),
    ]
    assert webvtt(series) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:00.900\nHello &lt;you&gt;\n\n"
        "01:02:03.004 --> 01:02:04.000\nlate\n"
    )
    assert subrip(series).startswith("1\n00:00:00,000 --> 00:00:00,900\nHello <you>\n\n2\n01:")


def test_veritones_names():
    told = veritone([*checked({"words": WORDS[1:]}, 0, 900), *checked([PERSON], 0, 900)])
    word, person = told["series"]
    assert word["words"] == [{"word": "<you>", "confidence": 0.5}]
    assert (word["startTimeMs"], word["stopTimeMs"]) == (400, 900)
    assert person["object"]["boundingPoly"][2] == {"x": 0.3, "y": 0.9}


def test_a_line_tells_names_and_attributes() -> None:
    face = {"label": "face", "text": "Ada", "confidence": 0.9, "attributes": {"distance": 0.2}}
    found = {"label": "occupancy", "attributes": {"persons": 2, "in": 1}}
    document = {"chunk": {"start_ms": 1500}, "series": [{"objects": [face, found]}]}
    assert line(document) == "00:00:01.500  face Ada 0.90 distance=0.2, occupancy persons=2 in=1"
