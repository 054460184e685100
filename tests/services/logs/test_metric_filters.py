"""Metric filters: what they make of events, what is refused, their CloudFormation type."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.kernel.resources import ResourceRequest
from pileus.services.logs.resources import RESOURCE_TYPES
from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError
from pileus.values.times import utc

ABOUT = {"logGroupName": "g", "filterName": "f"}
MADE = {"metricName": "m", "metricNamespace": "app", "metricValue": "1"}


async def make(platform: MemoryPlatform) -> None:
    await platform("logs", "CreateLogGroup", logGroupName="g")
    await platform("logs", "CreateLogStream", logGroupName="g", logStreamName="s")


async def put_filter(
    platform: MemoryPlatform, pattern: str, about: dict[str, str] = ABOUT, **more: Any
) -> None:
    made = [{**MADE, **more}]
    await platform(
        "logs", "PutMetricFilter", **about, filterPattern=pattern, metricTransformations=made
    )


async def write(platform: MemoryPlatform, *messages: str) -> None:
    now_ms = platform.clock.now_ms()
    events = [{"timestamp": now_ms, "message": message} for message in messages]
    await platform("logs", "PutLogEvents", logGroupName="g", logStreamName="s", logEvents=events)
    await platform.clock.advance(1)


async def statistics(platform: MemoryPlatform, **more: Any) -> dict[str, Any]:
    now_ms = platform.clock.now_ms()
    reply = await platform(
        "cloudwatch",
        "GetMetricStatistics",
        Namespace="app",
        MetricName="m",
        StartTime=utc(now_ms - 600_000),
        EndTime=utc(now_ms + 60_000),
        Period=3600,
        Statistics=["Sum", "SampleCount", "Maximum"],
        **more,
    )
    points: list[dict[str, Any]] = reply["Datapoints"]
    return points[0] if points else {}


async def test_matches_are_counted(memory_platform: MemoryPlatform) -> None:
    await make(memory_platform)
    await put_filter(memory_platform, "ERROR")
    await write(memory_platform, "INFO")
    assert await statistics(memory_platform) == {}
    await write(memory_platform, "ERROR a", "INFO", "ERROR b")
    found = await statistics(memory_platform)
    assert (found["Sum"], found["SampleCount"], found["Unit"]) == (2, 2, "None")


async def test_a_field_is_the_value_and_another_a_dimension(
    memory_platform: MemoryPlatform,
) -> None:
    await make(memory_platform)
    await put_filter(
        memory_platform,
        "{ $.took >= 0 }",
        metricValue="$.took",
        unit="Milliseconds",
        dimensions={"Path": "$.path"},
    )
    lines = ('{"took": 7, "path": "/a"}', '{"took": 9.5, "path": "/a"}', '{"took": 1}')
    await write(memory_platform, *lines, '{"took": 2, "path": "/b"}', '{"path": "/a"}')
    found = await statistics(memory_platform, Dimensions=[{"Name": "Path", "Value": "/a"}])
    assert (found["Sum"], found["Maximum"], found["Unit"]) == (16.5, 9.5, "Milliseconds")
    other = await statistics(memory_platform, Dimensions=[{"Name": "Path", "Value": "/b"}])
    assert other["SampleCount"] == 1


async def test_a_named_field_of_a_line_is_the_value(memory_platform: MemoryPlatform) -> None:
    await make(memory_platform)
    await put_filter(memory_platform, "[host, size]", metricValue="$size")
    await write(memory_platform, "a 12", "b 30", "c many")
    assert (await statistics(memory_platform))["Sum"] == 42


async def test_events_without_a_match_make_the_default(memory_platform: MemoryPlatform) -> None:
    await make(memory_platform)
    await put_filter(memory_platform, "ERROR", defaultValue=0.0, metricValue="5")
    await write(memory_platform, "INFO")
    found = await statistics(memory_platform)
    assert (found["Sum"], found["SampleCount"]) == (0, 1)
    await write(memory_platform, "ERROR")
    assert (await statistics(memory_platform))["Maximum"] == 5


async def test_filters_are_listed_changed_and_deleted(memory_platform: MemoryPlatform) -> None:
    await make(memory_platform)
    await memory_platform("logs", "CreateLogGroup", logGroupName="h")
    for group, name in (("h", "a"), ("g", "b"), ("g", "a")):
        about = {"logGroupName": group, "filterName": name}
        await put_filter(memory_platform, "x", about, metricName=f"{group}{name}")
    created = memory_platform.clock.now_ms()
    await memory_platform.clock.advance(5)
    await put_filter(memory_platform, "y", {"logGroupName": "g", "filterName": "a"})
    seen: list[str] = []
    more: dict[str, Any] = {}
    while True:
        page = await memory_platform("logs", "DescribeMetricFilters", limit=1, **more)
        seen += [each["logGroupName"] + each["filterName"] for each in page["metricFilters"]]
        if "nextToken" not in page:
            break
        more = {"nextToken": page["nextToken"]}
    assert seen == ["ga", "gb", "ha"]
    listed = await memory_platform(
        "logs", "DescribeMetricFilters", logGroupName="g", filterNamePrefix="a"
    )
    assert listed["metricFilters"] == [
        {
            "filterName": "a",
            "logGroupName": "g",
            "filterPattern": "y",
            "metricTransformations": [{**MADE, "unit": "None"}],
            "creationTime": created,
        }
    ]
    by_metric = {"metricName": "ha", "metricNamespace": "app"}
    listed = await memory_platform("logs", "DescribeMetricFilters", **by_metric)
    assert [each["logGroupName"] for each in listed["metricFilters"]] == ["h"]
    await memory_platform("logs", "DeleteMetricFilter", logGroupName="g", filterName="a")
    groups = (await memory_platform("logs", "DescribeLogGroups"))["logGroups"]
    assert [each["metricFilterCount"] for each in groups] == [1, 1]
    await memory_platform("logs", "DeleteLogGroup", logGroupName="g")
    listed = await memory_platform("logs", "DescribeMetricFilters")
    assert [each["logGroupName"] for each in listed["metricFilters"]] == ["h"]


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("{ $.a", {}, "Invalid filter pattern"),
    ("x", {"metricValue": "many"}, "neither a number nor a field"),
    ("x", {"metricValue": "inf"}, "neither a number nor a field"),
    ("x", {"metricValue": "$.a b"}, "not a selector"),
    ("x", {"metricNamespace": "AWS/Lambda"}, "reserved for AWS"),
    ("x", {"defaultValue": 0.0, "dimensions": {"a": "$.a"}}, "mutually exclusive"),
    ("x", {"dimensions": dict.fromkeys("abcd", "$.a")}, "more than 3 dimensions"),
    ("x", {"unit": "Miles"}, "enum value set"),
]


@pytest.mark.parametrize(("pattern", "more", "words"), REFUSED)
async def test_filters_that_are_refused(
    memory_platform: MemoryPlatform, pattern: str, more: dict[str, Any], words: str
) -> None:
    await make(memory_platform)
    with pytest.raises(ServiceError, match=words) as caught:
        await put_filter(memory_platform, pattern, **more)
    assert caught.value.code == "InvalidParameterException"


async def test_what_is_missing_or_too_much(memory_platform: MemoryPlatform) -> None:
    with pytest.raises(ServiceError, match="The specified log group does not exist"):
        await put_filter(memory_platform, "x")
    await make(memory_platform)
    with pytest.raises(ServiceError, match="The specified metric filter does not exist"):
        await memory_platform("logs", "DeleteMetricFilter", **ABOUT)
    for number in range(100):
        await put_filter(memory_platform, "x", {"logGroupName": "g", "filterName": str(number)})
    await put_filter(memory_platform, "y", {"logGroupName": "g", "filterName": "7"})
    with pytest.raises(ServiceError, match="Resource limit exceeded"):
        await put_filter(memory_platform, "x")


async def test_the_cloudformation_type(memory_platform: MemoryPlatform) -> None:
    await make(memory_platform)
    call = memory_platform.kernel.stream_call(("000000000000", "us-east-1", "logs"))
    kind = RESOURCE_TYPES["AWS::Logs::MetricFilter"]
    made = {
        "MetricName": "m",
        "MetricNamespace": "app",
        "MetricValue": "$.n",
        "Dimensions": [{"Key": "Path", "Value": "$.path"}],
    }
    wanted = {"LogGroupName": "g", "FilterPattern": "{ $.n = 1 }", "MetricTransformations": [made]}

    def request(**more: Any) -> ResourceRequest:
        return ResourceRequest(
            type="AWS::Logs::MetricFilter",
            logical_id="Logical",
            stack_id="id",
            stack_name="stack",
            properties=wanted,
            token="ABCDEFGHIJKL",
            **more,
        )

    run = memory_platform.clock.run
    resource = await run(kind.create(call, request()))
    listed = await memory_platform("logs", "DescribeMetricFilters")
    assert listed["metricFilters"][0]["filterName"] == resource.physical_id
    transformation = listed["metricFilters"][0]["metricTransformations"][0]
    assert transformation["dimensions"] == {"Path": "$.path"}
    await run(kind.delete(call, request(physical_id=resource.physical_id)))
    assert (await memory_platform("logs", "DescribeMetricFilters"))["metricFilters"] == []
