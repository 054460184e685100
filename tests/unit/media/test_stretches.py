"""Sound is cut at silences, and the same sound at the same places wherever reading begins."""

from __future__ import annotations

import itertools
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.media.stretches import Cutter, Lull, Stretch
from pileus.media.units import CUT_MEMORY_MS, CutSettings

from .sounds import RATE, said

PIECE_MS = 200
SHORT = CutSettings(pause_ms=300, least_ms=100, most_ms=4000)


def cut(
    sound: Any, cutting: CutSettings | None = None, *, from_ms: int = -1, read_ms: int = 0
) -> list[Stretch | Lull]:
    """What a cutter makes of a sound that it reads from ``read_ms`` on, and cuts from ``from_ms`` on."""
    cutter = Cutter(RATE, cutting or CutSettings(), from_ms)
    found = list[Stretch | Lull]()
    for at_ms in range(read_ms, len(sound) * 1000 // RATE, PIECE_MS):
        part = sound[at_ms * RATE // 1000 : (at_ms + PIECE_MS) * RATE // 1000]
        found += cutter.add(at_ms, part)
    return found + list(cutter.finish())


def stretches(found: list[Stretch | Lull]) -> list[tuple[int, int]]:
    return [(each.start_ms, each.stop_ms) for each in found if isinstance(each, Stretch)]


def is_near(found: list[tuple[int, int]], wanted: list[tuple[int, int]]) -> bool:
    return len(found) == len(wanted) and bool(numpy.allclose(found, wanted, atol=120))


def test_silence_has_no_stretch() -> None:
    found = cut(said("." * 50))
    assert stretches(found) == []
    assert {each.reason for each in found if isinstance(each, Lull)} == {"silence"}
    assert (found[0].start_ms, found[-1].stop_ms) == (0, 5000)


def test_a_sentence_has_a_little_around_it() -> None:
    assert is_near(stretches(cut(said("." * 20 + "x" * 15 + "." * 20))), [(1800, 3700)])


@pytest.mark.parametrize("noise", [0, 60, 300])
def test_two_sentences_are_two_stretches_whatever_hums_and_hisses(noise: int) -> None:
    recipe = "h" * 100 + "x" * 20 + "." * 10 + "x" * 30 + "h" * 20
    found = stretches(cut(said(recipe, noise=noise)))
    assert is_near(found[-2:], [(9800, 12_200), (12_800, 16_200)])
    assert len(found) == 2 or found[0][1] < CUT_MEMORY_MS + 400


def test_a_breath_does_not_cut() -> None:
    assert len(stretches(cut(said("." * 10 + "xxxxx...xxxxx" + "." * 10)))) == 1


def test_a_click_is_no_stretch_and_is_told() -> None:
    found = cut(said("." * 20 + "x" + "." * 30))
    assert stretches(found) == []
    short = [each for each in found if isinstance(each, Lull) and each.reason == "short"]
    assert len(short) == 1 and abs(short[0].start_ms - 1800) <= 40


def test_sound_without_a_pause_is_cut_where_it_is_quietest() -> None:
    sound = said("." * 5 + "x" * 300 + "." * 10)
    settings_s = CutSettings()
    found = stretches(cut(sound))
    assert len(found) >= 3
    assert all(stop_ms - start_ms <= settings_s.most_ms for start_ms, stop_ms in found)
    assert found[0][0] <= 500 and found[-1][1] >= 30_500
    # Nothing is left out between.
    assert all(one[1] == other[0] for one, other in itertools.pairwise(found))


def test_stretches_hold_the_sound_of_their_times() -> None:
    sound = said("." * 12 + "x" * 9 + "." * 8 + "x" * 60 + "." * 9, noise=20)
    for each in cut(sound, SHORT):
        if isinstance(each, Stretch):
            part = sound[each.start_ms * RATE // 1000 : each.stop_ms * RATE // 1000]
            assert numpy.array_equal(each.samples, part)


def test_who_begins_anywhere_in_unbroken_sound_comes_to_the_same_cuts() -> None:
    sound = said("x" * 600)
    whole = stretches(cut(sound, SHORT))
    for read_ms in range(0, 9000, 600):
        other = stretches(cut(sound, SHORT, read_ms=read_ms, from_ms=read_ms))
        later = [each for each in whole if each[0] >= read_ms + CUT_MEMORY_MS + 3 * SHORT.most_ms]
        assert len(later) > 3
        assert other[-len(later) :] == later


def test_a_hole_ends_a_stretch_and_forgets_what_was_before() -> None:
    sound = said("x" * 20)
    cutter = Cutter(RATE, CutSettings())
    before = [*cutter.add(0, sound), *cutter.finish()]
    after = [*cutter.add(60_004, sound), *cutter.finish()]
    assert stretches(before) == [(0, 2000)]
    assert stretches(after) == [(60_000, 62_020)] or stretches(after) == [(60_000, 62_000)]
    assert list(cutter.finish()) == []


def test_an_odd_rate_has_windows_as_well() -> None:
    rate = 11_025
    at = numpy.arange(rate * 3) / rate
    sound = (numpy.sin(at * 2 * numpy.pi * 440) * 9000 * (at > 1) * (at < 2)).astype(numpy.int16)
    cutter = Cutter(rate, CutSettings())
    found = list[Stretch | Lull]()
    for piece in range(15):
        part = sound[round(piece * rate / 5) : round((piece + 1) * rate / 5)]
        found += cutter.add(piece * 200, part)
    found += cutter.finish()
    assert is_near(stretches(found), [(800, 2200)])
    assert sum(each.samples.size for each in found if isinstance(each, Stretch)) == pytest.approx(
        1.4 * rate, abs=rate // 10
    )


_RECIPES = st.lists(
    st.tuples(st.sampled_from("x.x.xh"), st.integers(1, 25)), min_size=4, max_size=14
)


@settings(max_examples=15, deadline=None)
@given(_RECIPES, st.integers(0, 3))
def test_stretches_and_lulls_cover_everything_and_come_again(
    recipe: list[tuple[str, int]], seed: int
) -> None:
    sound = said("".join(letter * count for letter, count in recipe), noise=30, seed=seed)
    found = cut(sound, SHORT)
    length_ms = len(sound) * 1000 // RATE
    assert found[0].start_ms == 0 and found[-1].stop_ms == length_ms
    assert all(one.stop_ms == other.start_ms for one, other in itertools.pairwise(found))
    all_of_them = stretches(found)
    assert all(stop_ms - start_ms <= SHORT.most_ms for start_ms, stop_ms in all_of_them)
    for number, (start_ms, stop_ms) in enumerate(all_of_them):
        for from_ms, expected in ((stop_ms, number + 1), (start_ms, number)):
            read_ms = max(0, from_ms - CUT_MEMORY_MS) // PIECE_MS * PIECE_MS
            again = cut(sound, SHORT, from_ms=from_ms, read_ms=read_ms)
            assert stretches(again) == all_of_them[expected:]
