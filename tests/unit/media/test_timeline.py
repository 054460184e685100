"""Times come out strictly increasing; outliers shift nothing, jumps for good shift everything."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.media.timeline import Timeline
from pileus.media.units import SourceCounts


def place(times: list[float | None], nominal_ms: float = 40.0) -> tuple[list[int], SourceCounts]:
    counts = SourceCounts()
    timeline = Timeline(nominal_ms, counts)
    return [timeline.place(at) for at in times], counts


def test_the_first_time_is_zero() -> None:
    assert place([1000.0, 1040.0, 1100.0])[0] == [0, 40, 100]


def test_a_pause_is_kept() -> None:
    assert place([0, 40, 30_040])[0] == [0, 40, 30_040]


def test_missing_times_are_filled_at_the_nominal_rate() -> None:
    placed, counts = place([0, None, None, 120])
    assert placed == [0, 40, 80, 120]
    assert counts.timestamps_missing == 2


def test_a_single_outlier_shifts_nothing() -> None:
    placed, counts = place([0, 40, 999_999, 120, 160])
    assert placed == [0, 40, 80, 120, 160]
    assert (counts.timestamps_mended, counts.discontinuities) == (1, 0)


@pytest.mark.parametrize("start_ms", [0.0, 5_000_000.0])
def test_a_jump_for_good_goes_on_from_here(start_ms: float) -> None:
    placed, counts = place([0, 40, 80, 120, start_ms, start_ms + 40, start_ms + 80])
    assert placed == [0, 40, 80, 120, 160, 200, 240]
    assert counts.discontinuities == 1


def test_a_small_step_back_moves_on_by_one_millisecond() -> None:
    placed, counts = place([0, 40, 40, 80])
    assert placed == [0, 40, 41, 80]
    assert counts.timestamps_mended == 1


@given(st.lists(st.none() | st.floats(-1e9, 1e9), max_size=60), st.floats(1, 1000))
def test_answers_always_increase(times: list[float | None], nominal_ms: float) -> None:
    placed, _ = place(times, nominal_ms)
    assert all(a < b for a, b in itertools.pairwise(placed))
