from __future__ import annotations

import pytest

from pileus.values.percentiles import percentile


def test_of_nothing_there_is_none() -> None:
    assert percentile([], 0.5) is None


@pytest.mark.parametrize(
    ("share", "found"), [(0.0, 15), (0.05, 15), (0.3, 20), (0.4, 20), (0.5, 35), (1.0, 50)]
)
def test_nearest_rank(share: float, found: int) -> None:
    assert percentile([50, 15, 40, 20, 35], share) == found


def test_the_median_of_two_is_the_lower() -> None:
    assert percentile([0.41, 4.94], 0.5) == 0.41
