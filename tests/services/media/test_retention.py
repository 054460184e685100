"""How long results are kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import Bench

_MINUTE_MS = 60_000


async def _show(bench: Bench, *numbers: int) -> None:
    bench.intake.show(*numbers)
    await bench.passing(100)


async def test_results_that_are_too_old_are_forgotten(bench: Bench) -> None:
    await bench.engine(WhenBehind="oldest")
    await bench.pipeline("look", KeepResultsSeconds=600)
    await _show(bench, 1, 2)
    await bench.passing(5 * _MINUTE_MS)
    await _show(bench, 3, 4)
    assert await bench.starts() == [0, 200, 400, 600]
    await bench.passing(6 * _MINUTE_MS)
    assert await bench.starts() == [400, 600]
    told = await bench("ListResults", Source="lobby", Engine="look", AfterOffset=0)
    assert [each["Offset"] for each in told["Results"]] == [2, 3]
    await bench.passing(20 * _MINUTE_MS)
    assert await bench.starts() == [600]  # where the lane was


async def test_the_oldest_of_too_many_are_forgotten(bench: Bench) -> None:
    await bench.engine(WhenBehind="oldest")
    await bench.pipeline("look", KeepResultsBytes=1000)
    await _show(bench, *range(1, 21))
    await bench.passing(_MINUTE_MS)
    kept = await bench.starts()
    assert 1 <= len(kept) < 20
    assert kept[-1] == 3800


async def test_a_file_goes_on_where_it_was_after_its_results_were_forgotten(bench: Bench) -> None:
    await bench.engine(WhenBehind="oldest")
    await bench.pipeline("look", Url="file:/v.mkv", KeepResultsSeconds=60)
    await _show(bench, 1, 2, 3)
    await bench.passing(5 * _MINUTE_MS)
    await bench.restart()
    await _show(bench, 1, 2, 3, 4)
    assert await bench.starts() == [400, 600]
    await bench.passing(5 * _MINUTE_MS)  # the next platform looks after it as well
    assert await bench.starts() == [600]


async def test_without_a_bound_all_is_kept(bench: Bench) -> None:
    await bench.engine(WhenBehind="oldest")
    await bench.pipeline("look")
    await _show(bench, 1, 2)
    await bench.passing(600 * _MINUTE_MS)
    assert await bench.starts() == [0, 200]
    await bench("UpdateSource", Name="lobby", KeepResultsSeconds=60)
    await bench.passing(2 * _MINUTE_MS)
    assert await bench.starts() == [200]


@pytest.mark.parametrize("given", [{"KeepResultsSeconds": 7 * 86_400}, {"KeepResultsBytes": 5}])
async def test_bounds_are_shown(bench: Bench, given: dict[str, Any]) -> None:
    await bench("CreateSource", Name="lobby", Url="rtsp://h/1", **given)
    shown = (await bench("DescribeSource", Name="lobby"))["Source"]
    assert {"KeepResultsSeconds": 0, "KeepResultsBytes": 0, **given}.items() <= shown.items()


async def test_a_template_says_how_long(bench: Bench) -> None:
    made = {"Lobby": {"Type": "Pileus::Media::Source", "Properties": {
        "Name": "lobby", "Pull": "rtsp://h/1", "KeepResults": "7d", "KeepResultsBytes": "1000000",
    }}}  # fmt: skip
    body = json.dumps({"Resources": made})
    await bench.platform("cloudformation", "CreateStack", StackName="app", TemplateBody=body)
    await bench.passing(5000)
    shown = (await bench("DescribeSource", Name="lobby"))["Source"]
    assert (shown["KeepResultsSeconds"], shown["KeepResultsBytes"]) == (604_800, 1_000_000)
