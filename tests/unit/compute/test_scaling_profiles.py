"""How fast functions scale, to the digit, and the chart of it.

https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from pileus.compute.scaling import PROFILES, ConcurrencyGate

_PATH = Path(__file__).parents[3] / "tools" / "scaling_chart.py"
_SPEC = importlib.util.spec_from_file_location("scaling_chart", _PATH)
assert _SPEC is not None and _SPEC.loader is not None
chart = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(chart)


def test_a_function_gets_a_thousand_every_ten_seconds() -> None:
    series = chart.instances("function")
    seen = [series[second] for second in (0, 1, 9, 10, 20, 39, 40, 41, 300)]
    assert seen == [1000, 1100, 1900, 2000, 3000, 4900, 5000, 5000, 5000]


@pytest.mark.parametrize(
    ("region", "burst"), [("us-east-1", 3000), ("eu-central-1", 1000), ("eu-north-1", 500)]
)
def test_a_region_bursts_and_then_gets_five_hundred_a_minute(region: str, burst: int) -> None:
    series = chart.instances("region", region)
    seen = [series[second] for second in (0, 60, 120, 180)]
    assert seen == [burst, burst + 500, burst + 1000, burst + 1500]


def test_a_region_s_functions_share_the_burst_and_others_do_not() -> None:
    shared = ConcurrencyGate(PROFILES["region"].in_region("eu-north-1"))
    assert sum(shared.take_start("f", 0) for _ in range(400)) == 400
    assert sum(shared.take_start("g", 0) for _ in range(400)) == 100
    each = ConcurrencyGate(PROFILES["function"])
    assert sum(each.take_start("f", 0) for _ in range(1500)) == 1000
    assert sum(each.take_start("g", 0) for _ in range(1500)) == 1000


def test_the_chart_shows_these_limits() -> None:
    assert chart.CHART.read_text() == chart.drawn(), "run python tools/scaling_chart.py"
