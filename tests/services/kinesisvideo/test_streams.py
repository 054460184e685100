"""Streams over the media room's sources, and fragments over its segments."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.ports.intakes import Segment
from pileus.values.errors import ServiceError
from pileus.values.times import utc
from tests.services.media.conftest import Bench, bench

__all__ = ["bench"]
_ARCHIVE = "kinesis-video-archived-media"


async def ask(bench: Bench, operation: str, service: str = "kinesisvideo", **given: Any) -> Any:
    return await bench.platform(service, operation, **given)


async def test_a_stream_is_a_source_that_is_pushed_to(bench: Bench) -> None:
    made = await ask(bench, "CreateStream", StreamName="door", DataRetentionInHours=3)
    source = (await bench("DescribeSource", Name="door"))["Source"]
    assert (source["Push"], source["KeepSeconds"]) == (True, 10_800)
    info = (await ask(bench, "DescribeStream", StreamARN=made["StreamARN"]))["StreamInfo"]
    assert (info["StreamName"], info["DataRetentionInHours"]) == ("door", 3)
    change = {"StreamName": "door", "Operation": "DECREASE_DATA_RETENTION"}
    version = {"CurrentVersion": info["Version"]}
    await ask(bench, "UpdateDataRetention", DataRetentionChangeInHours=2, **change, **version)
    assert (await bench("DescribeSource", Name="door"))["Source"]["KeepSeconds"] == 3600
    with pytest.raises(ServiceError, match="version"):
        await ask(bench, "UpdateDataRetention", DataRetentionChangeInHours=1, **change, **version)
    info = (await ask(bench, "DescribeStream", StreamName="door"))["StreamInfo"]
    version = {"CurrentVersion": info["Version"]}
    with pytest.raises(ServiceError, match="0 to 87600 hours"):
        await ask(bench, "UpdateDataRetention", DataRetentionChangeInHours=2, **change, **version)
    await ask(bench, "DeleteStream", StreamARN=made["StreamARN"])
    assert (await bench("ListSources"))["Sources"] == []
    assert (await ask(bench, "ListStreams"))["StreamInfoList"] == []


async def test_a_camera_is_a_stream_too(bench: Bench) -> None:
    await bench("CreateSource", Name="lobby", Url="rtsp://me:key@h/1", KeepSeconds=7200)
    await ask(bench, "CreateStream", StreamName="door")
    told = (await ask(bench, "ListStreams"))["StreamInfoList"]
    assert [(each["StreamName"], each["DataRetentionInHours"]) for each in told] == [
        ("door", 0),
        ("lobby", 2),
    ]
    await ask(bench, "TagStream", StreamName="lobby", Tags={"floor": "1"})
    assert (await ask(bench, "ListTagsForStream", StreamName="lobby"))["Tags"] == {"floor": "1"}
    info = (await ask(bench, "DescribeStream", StreamName="lobby"))["StreamInfo"]
    assert info["DataRetentionInHours"] == 2
    with pytest.raises(ServiceError, match="read at an address"):
        await bench.platform(
            "kinesis-video-media", "PutMedia", body=b"", StreamName="lobby",
            FragmentTimecodeType="RELATIVE",
        )  # fmt: skip


async def test_segments_are_fragments_by_time(bench: Bench) -> None:
    await bench("CreateSource", Name="lobby", Url="rtsp://h/1")
    await bench.passing(10)
    began_ms = bench.platform.clock.now_ms()
    for number in range(250):
        now_ms = bench.platform.clock.now_ms()
        segment = Segment(
            path="", stream=bench.intake.opened.stream, start_ms=number * 500,
            stop_ms=number * 500 + 460, captured_at_ms=now_ms, size_bytes=9, pictures=5,
        )  # fmt: skip
        bench.intake.tell(bench.intakes.put(bench.intake.opened.spool, segment, b"x"))
        await bench.passing(500)
    found: list[Any] = []
    given: dict[str, Any] = {"StreamName": "lobby", "MaxResults": 240}
    while True:
        told = await ask(bench, "ListFragments", _ARCHIVE, **given)
        found.append(told["Fragments"])
        if not told.get("NextToken"):
            break
        given["NextToken"] = told["NextToken"]
    assert [len(each) for each in found] == [240, 10]
    first = found[0][0]
    assert first["FragmentLengthInMilliseconds"] == 500
    assert first["ServerTimestamp"] == first["ProducerTimestamp"] == utc(began_ms)
    assert len(first["FragmentNumber"]) == 47
    span = {"StartTimestamp": utc(began_ms + 1000), "EndTimestamp": utc(began_ms + 2000)}
    for clock in ("SERVER_TIMESTAMP", "PRODUCER_TIMESTAMP"):
        selector = {"FragmentSelectorType": clock, "TimestampRange": span}
        told = await ask(
            bench, "ListFragments", _ARCHIVE, StreamName="lobby", FragmentSelector=selector
        )
        assert [each["ServerTimestamp"] for each in told["Fragments"]] == [
            utc(began_ms + ms) for ms in (1000, 1500, 2000)
        ]


@pytest.mark.parametrize(
    ("operation", "service", "given", "words"),
    [
        ("DescribeStream", "kinesisvideo", {}, "StreamName or StreamARN"),
        ("DescribeStream", "kinesisvideo", {"StreamName": "ghost"}, "not found or not active"),
        ("GetDataEndpoint", "kinesisvideo", {"StreamName": "ghost", "APIName": "GET_MEDIA"},
         "not found or not active"),
        ("CreateStream", "kinesisvideo", {"StreamName": "a.b"}, "pattern"),
        ("ListFragments", _ARCHIVE, {"StreamName": "ghost"}, "not found or not active"),
        ("GetMediaForFragmentList", _ARCHIVE, {"StreamName": "door", "Fragments": ["12"]},
         "No fragments found"),
        ("GetHLSStreamingSessionURL", _ARCHIVE, {"StreamName": "door"}, "No fragments found"),
        ("GetHLSStreamingSessionURL", _ARCHIVE,
         {"StreamName": "door", "ContainerFormat": "MPEG_TS"}, "MPEG_TS"),
        ("GetMedia", "kinesis-video-media",
         {"StreamName": "door", "StartSelector": {"StartSelectorType": "FRAGMENT_NUMBER"}},
         "needs AfterFragmentNumber"),
    ],
)  # fmt: skip
async def test_what_cannot_be_says_why(
    bench: Bench, operation: str, service: str, given: dict[str, Any], words: str
) -> None:
    await ask(bench, "CreateStream", StreamName="door")
    with pytest.raises(ServiceError, match=words):
        await ask(bench, operation, service, **given)


async def test_a_stream_of_a_template(bench: Bench) -> None:
    async def deploy(verb: str, **properties: Any) -> dict[str, Any]:
        body = {
            "Resources": {"Door": {"Type": "AWS::KinesisVideo::Stream", "Properties": properties}},
            "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Door", "Arn"]}}},
        }
        given = {"StackName": "app", "TemplateBody": json.dumps(body)}
        await ask(bench, verb, "cloudformation", **given)
        await bench.passing(30_000)
        (stack,) = (await ask(bench, "DescribeStacks", "cloudformation", StackName="app"))["Stacks"]
        assert stack["StackStatus"].endswith("E_COMPLETE"), stack
        info: dict[str, Any] = (await ask(bench, "DescribeStream", StreamName="door"))["StreamInfo"]
        assert stack["Outputs"][0]["OutputValue"] == info["StreamARN"]
        return info

    tags = [{"Key": "floor", "Value": "1"}]
    info = await deploy("CreateStack", Name="door", DataRetentionInHours=4, Tags=tags)
    assert info["DataRetentionInHours"] == 4
    info = await deploy("UpdateStack", Name="door", DataRetentionInHours=1, MediaType="video/h264")
    assert (info["DataRetentionInHours"], info["MediaType"]) == (1, "video/h264")
    await ask(bench, "DeleteStack", "cloudformation", StackName="app")
    await bench.passing(30_000)
    assert (await bench("ListSources"))["Sources"] == []


async def test_pushing_from_inside_needs_a_source_that_takes_it(bench: Bench) -> None:
    await bench("CreateSource", Name="lobby", Url="rtsp://h/1")
    await ask(bench, "CreateStream", StreamName="door")
    with pytest.raises(ServiceError, match="lobby"):
        await bench.platform("media", "PushMedia", body=b"x", Name="lobby")
    with pytest.raises(ServiceError, match="takes a body"):
        await bench("PushMedia", Name="door")
