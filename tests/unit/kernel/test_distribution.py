"""Many numbers as one small record."""

from __future__ import annotations

import math

import pytest

from pileus.kernel.distribution import VALUES_MAX, Distribution, on_grid


def test_numbers_add_up() -> None:
    numbers = Distribution()
    for value in (3.0, -1.0, 3.0):
        numbers.add(value)
    numbers.add(0.5, 4.0)
    assert (numbers.count, numbers.total, numbers.low, numbers.high) == (7, 7, -1, 3)
    assert numbers.values == {3.0: 2, -1.0: 1, 0.5: 4}


def test_two_records_do_not_share_their_numbers() -> None:
    first, second = Distribution(), Distribution()
    first.add(1.0)
    assert second.values == {}


def test_many_numbers_are_brought_to_a_grid() -> None:
    fine, numbers = Distribution(), Distribution()
    for number in range(1, 10 * VALUES_MAX):
        numbers.add(float(number))
    assert numbers.is_coarse
    assert len(numbers.values) < 1000
    assert numbers.count == sum(numbers.values.values())
    fine.add(5.0)
    fine.merge(numbers)
    assert fine.is_coarse
    assert fine.count == numbers.count + 1


@pytest.mark.parametrize("value", [0.0, 1.0, 0.001, -17.3, 1e9])
def test_the_grid_is_near(value: float) -> None:
    assert on_grid(value) == pytest.approx(value, rel=0.005)
    assert on_grid(on_grid(value)) == pytest.approx(on_grid(value))
    assert not math.isnan(on_grid(value))
