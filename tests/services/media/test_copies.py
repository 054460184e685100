"""Segments come into a bucket as they are recorded."""

from __future__ import annotations

import pytest

from pileus.values.errors import ServiceError

from .conftest import Bench


async def keys(bench: Bench, bucket: str = "video-bucket") -> list[str]:
    told = await bench.platform("s3", "ListObjectsV2", Bucket=bucket)
    return [each["Key"] for each in told.get("Contents", ())]


async def test_every_finished_segment_is_copied_once(bench: Bench) -> None:
    await bench.platform("s3", "CreateBucket", Bucket="video-bucket")
    await bench("CreateSource", Name="lobby", Url="rtsp://h/x", CopyTo="s3://video-bucket/lobby/")
    await bench.passing(10)
    for number in range(2):
        await bench.segment(number)
        await bench.passing(2000)
    segments = (await bench("ListSegments", Source="lobby"))["Segments"]
    found = await keys(bench)
    assert len(found) == len(segments) == 2
    for key, segment in zip(found, segments, strict=True):
        assert (
            key
            == f"lobby/{segment['CapturedAt']:%Y%m%dT%H%M%S}.{int(segment['SegmentId']) % 1000:03d}Z.mkv"
        )
    reply = await bench.platform.reply("s3", "GetObject", Bucket="video-bucket", Key=found[1])
    assert await reply.body.read() == b"segment 1"
    assert (await bench("DescribeSource", Name="lobby"))["Source"][
        "CopyTo"
    ] == "s3://video-bucket/lobby/"


async def test_without_a_bucket_nothing_is_copied(bench: Bench) -> None:
    await bench.platform("s3", "CreateBucket", Bucket="video-bucket")
    await bench("CreateSource", Name="lobby", Url="rtsp://h/x")
    await bench.passing(10)
    await bench.segment(0)
    assert await keys(bench) == []
    (segment,) = (await bench("ListSegments", Source="lobby"))["Segments"]
    given = {"Source": "lobby", "SegmentId": segment["SegmentId"], "To": "s3://video-bucket"}
    told = await bench("CopySegment", **given)
    assert await keys(bench) == [told["Key"]] and "/" not in told["Key"]


async def test_a_copy_that_a_crash_cut_short_comes_once_more(bench: Bench) -> None:
    await bench.platform("s3", "CreateBucket", Bucket="video-bucket")
    await bench("CreateSource", Name="lobby", Url="rtsp://h/x", CopyTo="s3://video-bucket/lobby")
    await bench.passing(10)
    await bench.segment(0)
    await bench.restart()
    await bench.passing(1000)
    assert len(await keys(bench)) == 1


@pytest.mark.parametrize("address", ["video-bucket", "s3://", "s3://A/b", "http://h/x"])
async def test_an_address_that_is_no_bucket_is_refused(bench: Bench, address: str) -> None:
    with pytest.raises(ServiceError, match="s3://bucket/prefix"):
        await bench("CreateSource", Name="lobby", Url="rtsp://h/x", CopyTo=address)
