"""Engine output in Veritone's form, as series of ours."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.languages.media_results import InvalidResult, checked, veritone

SPAN = {"start_ms": 400, "stop_ms": 600}
CORNERS = [{"x": 0.1, "y": 0.2}, {"x": 0.4, "y": 0.2}, {"x": 0.4, "y": 0.9}, {"x": 0.1, "y": 0.9}]


def test_what_we_export_comes_back() -> None:
    ours = [
        {**SPAN, "words": [{"word": "good", **SPAN, "confidence": 0.5}]},
        {
            **SPAN,
            "objects": [{"label": "person", "confidence": 0.9, "box": [0.1, 0.2, 0.4, 0.9]}],
        },
    ]
    assert checked(veritone(ours), 0, 1000) == ours


def test_objects_of_the_whole_piece_and_their_boxes() -> None:
    given = {"object": [{"type": "face", "confidence": 1, "boundingPoly": CORNERS, "vendor": {}}]}
    (series,) = checked(given, 0, 200)
    assert series == {
        "start_ms": 0,
        "stop_ms": 200,
        "objects": [{"label": "face", "confidence": 1, "box": [0.1, 0.2, 0.4, 0.9]}],
    }


@pytest.mark.parametrize(
    ("words", "best"),
    [
        ([{"word": "a", "confidence": 0.2}, {"word": "b", "confidence": 0.7}], "b"),
        ([{"word": "a", "bestPath": True, "confidence": 0.2}, {"word": "b", "confidence": 1}], "a"),
    ],
)
def test_of_several_readings_the_best_counts(words: list[Any], best: str) -> None:
    given = {"series": [{"startTimeMs": 400, "stopTimeMs": 600, "words": words}]}
    (series,) = checked(given, 0, 1000)
    (word,) = series["words"]
    assert (word["word"], word["start_ms"], word["stop_ms"]) == (best, 400, 600)


def test_our_own_documents_are_taken_as_well() -> None:
    ours = {**SPAN, "objects": [{"label": "x"}]}
    assert checked({"series": [ours]}, 0, 1) == [ours]
    assert checked({"series": []}, 0, 1) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"series": "no"}, "a series is a mapping"),
        ({"series": [{"startTimeMs": "x", "stopTimeMs": 1}]}, "start_ms is a number"),
        ({"series": [{"startTimeMs": 0, "object": {"confidence": 1}}]}, "an object has a label"),
        ({"object": 5}, "an object is a mapping"),
    ],
)
def test_what_is_neither_is_refused(given: Any, words: str) -> None:
    with pytest.raises(InvalidResult, match=words):
        checked(given, 0, 200)
