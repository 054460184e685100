"""Numbers in, statistics out: units, periods, resolutions, retention."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError
from pileus.values.times import utc

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


async def put(platform: MemoryPlatform, name: str = "m", **datum: Any) -> None:
    given = {"MetricName": name, **datum}
    await platform("cloudwatch", "PutMetricData", Namespace="App", MetricData=[given])


async def stats(platform: MemoryPlatform, *wanted: str, **more: Any) -> list[dict[str, Any]]:
    now_ms = platform.clock.now_ms()
    given: dict[str, Any] = {
        "Namespace": "App",
        "MetricName": "m",
        "StartTime": utc(now_ms - HOUR_MS),
        "EndTime": utc(now_ms + MINUTE_MS),
        "Period": 7200,
        **more,
    }
    simple = [name for name in wanted if name[0].isupper() and "(" not in name and name != "IQM"]
    extended = [name for name in wanted if name not in simple]
    if simple:
        given["Statistics"] = simple
    if extended:
        given["ExtendedStatistics"] = extended
    points: list[dict[str, Any]] = (await platform("cloudwatch", "GetMetricStatistics", **given))[
        "Datapoints"
    ]
    return points


async def refusal(platform: MemoryPlatform, **datum: Any) -> tuple[str, str]:
    with pytest.raises(ServiceError) as caught:
        await put(platform, **datum)
    return caught.value.code, caught.value.message


async def test_every_form_of_numbers_adds_up(memory_platform: MemoryPlatform) -> None:
    await put(memory_platform, Value=4.0)
    await put(memory_platform, Values=[1.0, 2.0], Counts=[3.0, 1.0])
    given = {"SampleCount": 2.0, "Sum": 20.0, "Minimum": 8.0, "Maximum": 12.0}
    await put(memory_platform, StatisticValues=given)
    wanted = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
    (point,) = await stats(memory_platform, *wanted)
    told = {name: point[name] for name in wanted}
    assert told == {
        "SampleCount": 7, "Average": 29 / 7, "Sum": 29, "Minimum": 1, "Maximum": 12,
    }  # fmt: skip
    assert point["Unit"] == "None"
    (point,) = await stats(memory_platform, "p50")
    assert "ExtendedStatistics" not in point, "a statistic set hides its numbers"


async def test_percentiles_and_their_kin(memory_platform: MemoryPlatform) -> None:
    await put(memory_platform, Values=[float(number) for number in range(1, 101)])
    wanted = ("p50", "p99", "p99.9", "tm90", "TM(10%:90%)", "IQM", "PR(1:10)", "tc90", "ts10",
              "WM(:50)")  # fmt: skip
    (point,) = await stats(memory_platform, *wanted)
    told = point["ExtendedStatistics"]
    assert (told["p50"], told["p99"], told["p99.9"]) == (50, 99, 100)
    assert told["tm90"] == 45.5
    assert told["PR(1:10)"] == 10
    assert (told["tc90"], told["ts10"]) == (90, 55)
    assert told["WM(:50)"] == (sum(range(1, 51)) + 50 * 50) / 100
    with pytest.raises(ServiceError, match="The value p101 for parameter ExtendedStatistics"):
        await stats(memory_platform, "p101")


async def test_many_numbers_stay_small_and_nearly_true(memory_platform: MemoryPlatform) -> None:
    for start in range(0, 1500, 150):
        await put(
            memory_platform, Values=[float(number + 1) for number in range(start, start + 150)]
        )
    (point,) = await stats(memory_platform, "p90", "p10")
    assert point["ExtendedStatistics"]["p90"] == pytest.approx(1350, rel=0.006)
    assert point["ExtendedStatistics"]["p10"] == pytest.approx(150, rel=0.006)
    rows = memory_platform.disks.state.values
    assert max(len(raw) for raw in rows.values()) < 16_000


async def test_units_and_dimensions_part_metrics(memory_platform: MemoryPlatform) -> None:
    b_first = [{"Name": "b", "Value": "2"}, {"Name": "a", "Value": "1"}]
    a_first = list(reversed(b_first))
    await put(memory_platform, Value=1.0, Dimensions=b_first, Unit="Count")
    await put(memory_platform, Value=2.0, Dimensions=a_first, Unit="Seconds")
    points = await stats(memory_platform, "Sum", Dimensions=a_first)
    assert {(each["Unit"], each["Sum"]) for each in points} == {("Count", 1), ("Seconds", 2)}
    points = await stats(memory_platform, "Sum", Dimensions=a_first, Unit="Count")
    assert [each["Sum"] for each in points] == [1]
    assert await stats(memory_platform, "Sum", Dimensions=a_first[:1]) == []
    listed = await memory_platform("cloudwatch", "ListMetrics", Namespace="App", MetricName="m",
                                   Dimensions=[{"Name": "a"}])  # fmt: skip
    assert listed["Metrics"][0]["Dimensions"] == a_first
    none = await memory_platform("cloudwatch", "ListMetrics", Dimensions=[{"Name": "c"}])
    assert none["Metrics"] == []


async def test_lists_forget_what_is_silent(memory_platform: MemoryPlatform) -> None:
    await put(memory_platform, Value=1.0)

    async def names(**more: Any) -> list[str]:
        listed = await memory_platform("cloudwatch", "ListMetrics", **more)
        return [metric["MetricName"] for metric in listed["Metrics"]]

    assert await names() == await names(RecentlyActive="PT3H") == ["m"]
    await memory_platform.clock.advance(4 * HOUR_MS)
    assert (await names(), await names(RecentlyActive="PT3H")) == (["m"], [])
    await memory_platform.clock.advance(15 * DAY_MS)
    assert await names() == []


async def test_periods_part_time(memory_platform: MemoryPlatform) -> None:
    now_ms = memory_platform.clock.now_ms()
    start_ms = now_ms // HOUR_MS * HOUR_MS
    for minute in range(3):
        at = utc(start_ms + minute * MINUTE_MS + 1234)
        await put(memory_platform, Value=float(minute), Timestamp=at)
    given = {"StartTime": utc(start_ms), "EndTime": utc(start_ms + 3 * MINUTE_MS), "Period": 60}
    points = await stats(memory_platform, "Sum", **given)
    assert [each["Sum"] for each in points] == [0, 1, 2]
    assert points[1]["Timestamp"] == utc(start_ms + MINUTE_MS)
    many = {"StartTime": utc(now_ms - 2 * DAY_MS), "Period": 60}
    with pytest.raises(ServiceError, match="which exceeds the limit of 1,440"):
        await stats(memory_platform, "Sum", **many)


async def test_points_grow_coarse_and_go(memory_platform: MemoryPlatform) -> None:
    start_ms = memory_platform.clock.now_ms() // HOUR_MS * HOUR_MS + HOUR_MS
    await memory_platform.clock.advance(start_ms - memory_platform.clock.now_ms())
    for second in range(0, 180, 10):
        at = utc(start_ms + second * 1000)
        await put(memory_platform, Value=1.0, Timestamp=at, StorageResolution=1)

    async def counts(period_s: int) -> list[float]:
        given = {"StartTime": utc(start_ms), "EndTime": utc(start_ms + HOUR_MS)}
        points = await stats(memory_platform, "Sum", **given, Period=period_s)
        return [each["Sum"] for each in points]

    assert await counts(10) == [1.0] * 18
    await memory_platform.clock.advance(5 * HOUR_MS)
    assert await counts(60) == [6, 6, 6]
    assert await counts(10) == [6, 6, 6], "seconds are kept for three hours"
    await memory_platform.clock.advance(16 * DAY_MS)
    assert await counts(60) == [18]
    await memory_platform.clock.advance(48 * DAY_MS)
    assert await counts(3600) == [18]
    await memory_platform.clock.advance(395 * DAY_MS)
    assert await counts(3600) == []
    rows = memory_platform.kernel.state.read(
        ("000000000000", "us-east-1", "cloudwatch"), lambda view: view.range(())
    )
    assert not [key for key, _ in rows if key[0] in ("metric", "point")]


async def test_numbers_that_cannot_be(memory_platform: MemoryPlatform) -> None:
    code, message = await refusal(memory_platform, Value=1.0, Values=[1.0])
    assert code == "InvalidParameterCombinationException"
    assert message == (
        "The parameters MetricData.member.1.Value and MetricData.member.1.Values are mutually "
        "exclusive and you have specified both."
    )
    assert (await refusal(memory_platform))[0] == "MissingRequiredParameterException"
    assert (await refusal(memory_platform, Value=float("nan")))[
        1
    ] == "The value nan for parameter MetricData.member.1.Value is invalid."
    assert "same size" in (await refusal(memory_platform, Values=[1.0], Counts=[1.0, 2.0]))[1]
    now_ms = memory_platform.clock.now_ms()
    late = utc(now_ms - 15 * DAY_MS)
    assert "past two weeks" in (await refusal(memory_platform, Value=1.0, Timestamp=late))[1]
    early = utc(now_ms + 3 * HOUR_MS)
    assert "two hours" in (await refusal(memory_platform, Value=1.0, Timestamp=early))[1]
    with pytest.raises(ServiceError, match="The value AWS/X for parameter Namespace is invalid"):
        datum = {"MetricName": "m", "Value": 1.0}
        await memory_platform("cloudwatch", "PutMetricData", Namespace="AWS/X", MetricData=[datum])


async def ask(platform: MemoryPlatform, *queries: dict[str, Any], **more: Any) -> dict[str, Any]:
    now_ms = platform.clock.now_ms()
    span = {"StartTime": utc(now_ms - HOUR_MS), "EndTime": utc(now_ms + MINUTE_MS), **more}
    return await platform("cloudwatch", "GetMetricData", MetricDataQueries=list(queries), **span)


def query(query_id: str, name: str = "m", stat: str = "Sum") -> dict[str, Any]:
    metric = {"Namespace": "App", "MetricName": name}
    return {"Id": query_id, "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}}


async def test_queries_and_expressions(memory_platform: MemoryPlatform) -> None:
    now_ms = memory_platform.clock.now_ms()
    for minute in range(4):
        at = utc(now_ms - minute * MINUTE_MS)
        await put(memory_platform, "errors", Value=float(minute), Timestamp=at)
        await put(memory_platform, "calls", Value=10.0, Timestamp=at)
    hidden = {"ReturnData": False}
    told = await ask(
        memory_platform,
        {**query("e", "errors"), **hidden},
        {**query("c", "calls"), **hidden},
        {"Id": "rate", "Expression": "100 * e / c", "Label": "percent"},
        {"Id": "all", "Expression": "SUM(METRICS())"},
    )
    first, second = told["MetricDataResults"]
    assert (first["Id"], first["Label"], first["Values"]) == ("rate", "percent", [0, 10, 20, 30])
    assert second["Values"] == [10, 11, 12, 13]
    assert first["Timestamps"] == sorted(first["Timestamps"], reverse=True)
    with pytest.raises(ServiceError, match="SEARCH"):
        await ask(memory_platform, {"Id": "s", "Expression": "SEARCH('x', 'Sum', 60)"})
    with pytest.raises(ServiceError, match="Error in expression 'x'"):
        await ask(memory_platform, {"Id": "x", "Expression": "nothing + 1"})
    paged = await ask(memory_platform, query("e", "errors"), query("c", "calls"), MaxDatapoints=6)
    assert [each["StatusCode"] for each in paged["MetricDataResults"]] == [
        "Complete",
        "PartialData",
    ]
    rest = await ask(memory_platform, query("e", "errors"), query("c", "calls"), MaxDatapoints=6,
                     NextToken=paged["NextToken"])  # fmt: skip
    assert [len(each["Values"]) for each in rest["MetricDataResults"]] == [2]


async def test_dashboards_are_kept(memory_platform: MemoryPlatform) -> None:
    body = '{"widgets": []}'
    put_it = {"DashboardName": "d", "DashboardBody": body}
    assert await memory_platform("cloudwatch", "PutDashboard", **put_it) == {
        "DashboardValidationMessages": []
    }
    got = await memory_platform("cloudwatch", "GetDashboard", DashboardName="d")
    assert got["DashboardBody"] == body
    assert got["DashboardArn"] == "arn:aws:cloudwatch::000000000000:dashboard/d"
    listed = await memory_platform("cloudwatch", "ListDashboards", DashboardNamePrefix="d")
    assert listed["DashboardEntries"][0]["Size"] == len(body)
    with pytest.raises(ServiceError, match="DashboardInvalidInputError"):
        await memory_platform("cloudwatch", "PutDashboard", DashboardName="x", DashboardBody="{")
    await memory_platform("cloudwatch", "DeleteDashboards", DashboardNames=["d"])
    with pytest.raises(ServiceError, match="DashboardNotFoundError"):
        await memory_platform("cloudwatch", "GetDashboard", DashboardName="d")
