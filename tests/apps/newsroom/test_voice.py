"""Speech is cut where somebody pauses; the voice detector is scripted."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

SECOND = 16_000


def said(pattern: str, piece_ms: int = 100) -> list[tuple[int, int]]:
    """Start and stop of the stretches of sound in which each letter is 100 ms: ``x`` speech, ``.`` silence,
    ``-`` neither. The sound's own loudness tells the scripted detector which.
    """
    import voice

    levels = {".": 0.0, "-": 0.4, "x": 0.9}
    sound = np.concatenate(
        [np.full(SECOND // 10, round(levels[each] * 32767), np.int16) for each in pattern]
    )
    cutter = voice.Cutter(lambda window: float(window.mean()))
    step, found = SECOND * piece_ms // 1000, []
    for at in range(0, len(sound), step):
        found += list(cutter.take(at * 1000 / SECOND, sound[at : at + step]))
    found += list(cutter.finish())
    assert not list(cutter.finish())
    return [(each.start_ms, each.stop_ms) for each in found]


def near(found: list[tuple[int, int]], wanted: list[tuple[int, int]]) -> bool:
    """Within two windows of 32 ms."""
    return len(found) == len(wanted) and bool(np.allclose(found, wanted, atol=70))


def test_silence_says_nothing() -> None:
    assert said("." * 50) == []


def test_a_sentence_has_a_little_before_it_and_a_pause_behind_it() -> None:
    assert near(said("." * 20 + "x" * 15 + "." * 20), [(1750, 4000)])


def test_two_sentences_are_two_stretches() -> None:
    assert near(
        said("." * 10 + "x" * 10 + "." * 10 + "x" * 20 + "." * 10), [(750, 2500), (2750, 5500)]
    )


def test_a_breath_does_not_end_a_sentence() -> None:
    assert near(said("x" * 10 + "...-" + "x" * 10 + "." * 10), [(0, 2900)])


def test_what_is_said_until_the_end_is_not_lost() -> None:
    assert near(said("." * 10 + "x" * 10), [(750, 2000)])


def test_a_click_is_no_speech() -> None:
    assert said("." * 10 + "x" + "." * 20) == []


def test_a_monologue_is_cut_where_it_is_most_silent() -> None:
    found = said("x" * 90 + "-" + "x" * 60 + "." * 10)
    assert near(found, [(0, 9100), (9100, 15600)]) or near(found, [(0, 9000), (9000, 15600)])


@pytest.mark.parametrize("piece_ms", [20, 100, 333, 1000])
def test_how_the_sound_comes_in_pieces_changes_nothing(piece_ms: int) -> None:
    pattern = "." * 10 + "x" * 10 + "." * 10 + "x" * 20 + "." * 10
    assert said(pattern, piece_ms) == said(pattern, 100)


def test_nothing_is_said_twice_and_nothing_left_out() -> None:
    found = said("x" * 300)
    assert found[0][0] == 0
    assert found[-1][1] == pytest.approx(30_000, abs=40)
    for (_, stop), (start, _) in itertools.pairwise(found):
        assert abs(start - stop) <= 1


def test_the_cutter_tells_when_nobody_speaks() -> None:
    import voice

    cutter = voice.Cutter(lambda window: float(window.mean()))
    loud: Any = np.full(SECOND, 30_000, np.int16)
    list(cutter.take(0, np.zeros(SECOND, np.int16)))
    assert cutter.is_idle
    list(cutter.take(1000, loud))
    assert not cutter.is_idle
    assert len(list(cutter.take(2000, np.zeros(SECOND, np.int16)))) == 1
    assert cutter.is_idle
