"""Lifecycle rules under virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.services.s3.lifecycle import DAY_MS
from tests.services.s3.support import LARGE, S3, refused


async def _rules(s3: S3, *rules: dict[str, Any]) -> None:
    given = [{"Status": "Enabled", "Filter": {}, **rule} for rule in rules]
    await s3("PutBucketLifecycleConfiguration", LifecycleConfiguration={"Rules": given})


async def test_objects_expire_at_the_midnight_after(s3: S3) -> None:
    await s3.platform.clock.advance(3_600_000)
    await _rules(s3, {"ID": "r", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 1}})
    put = await s3.put("tmp/a", LARGE)
    await s3.put("kept")
    # The virtual clock began at midnight, 1 January 2026.
    assert put["Expiration"] == 'expiry-date="Sat, 03 Jan 2026 00:00:00 GMT", rule-id="r"'
    assert (await s3("HeadObject", Key="tmp/a"))["Expiration"] == put["Expiration"]
    await s3.platform.clock.advance(DAY_MS + DAY_MS // 2)
    assert await s3.keys() == ["kept", "tmp/a"]
    await s3.platform.clock.advance(DAY_MS // 2)
    assert await s3.keys() == ["kept"]
    assert await s3.blobs() == 0


async def test_what_was_due_while_the_platform_was_down_goes_at_its_start(s3: S3) -> None:
    await _rules(s3, {"Expiration": {"Days": 1}})
    await s3.put("a")
    await s3.platform.crash()
    await s3.platform.clock.advance(3 * DAY_MS)
    s3.platform = await s3.platform.restart()
    await s3.platform.clock.advance(1000)
    assert await s3.keys() == []
    await s3.platform.crash()


async def test_filters(s3: S3) -> None:
    tag = {"Key": "t", "Value": "1"}
    both = {"And": {"Prefix": "p", "Tags": [tag], "ObjectSizeGreaterThan": 2}}
    await _rules(s3, {"Filter": both, "Expiration": {"Days": 1}})
    await s3.put("p-gone", b"xxx", Tagging="t=1")
    await s3.put("p-untagged", b"xxx")
    await s3.put("p-small", b"xx", Tagging="t=1")
    await s3.put("q", b"xxx", Tagging="t=1")
    await s3.platform.clock.advance(2 * DAY_MS)
    assert await s3.keys() == ["p-small", "p-untagged", "q"]


async def test_versions_expire(s3: S3) -> None:
    await s3("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"})
    await _rules(
        s3,
        {
            "Expiration": {"ExpiredObjectDeleteMarker": True},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 1},
        },
    )
    for body in (b"1", b"2", b"3"):
        await s3.put("a", body)
    await s3.put("b")
    await s3("DeleteObject", Key="b")
    await s3.platform.clock.advance(2 * DAY_MS)
    listed = await s3("ListObjectVersions")
    assert [row["Key"] for row in listed["Versions"]] == ["a", "a", "b"]
    await _rules(
        s3,
        {
            "Expiration": {"ExpiredObjectDeleteMarker": True},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
        },
    )
    await s3.platform.clock.advance(2 * DAY_MS)
    listed = await s3("ListObjectVersions")
    assert [row["Key"] for row in listed["Versions"]] == ["a"]
    assert "DeleteMarkers" not in listed


async def test_uploads_are_aborted(s3: S3) -> None:
    await _rules(s3, {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}})
    upload = await s3("CreateMultipartUpload", Key="k")
    where = {"Key": "k", "UploadId": upload["UploadId"]}
    await s3("UploadPart", LARGE, PartNumber=1, **where)
    await s3.platform.clock.advance(2 * DAY_MS)
    with refused("NoSuchUpload", 404):
        await s3("ListParts", **where)
    assert await s3.blobs() == 0


async def test_rules_are_given_back_and_removed(s3: S3) -> None:
    await _rules(s3, {"ID": "r", "Expiration": {"Days": 3}})
    found = await s3("GetBucketLifecycleConfiguration")
    assert found["Rules"] == [
        {"ID": "r", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 3}}
    ]
    await s3("DeleteBucketLifecycle")
    with refused("NoSuchLifecycleConfiguration", 404):
        await s3("GetBucketLifecycleConfiguration")
    assert "Expiration" not in await s3.put("k")


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ([], "MalformedXML"),
        ([{"Status": "Enabled", "Expiration": {"Days": 1}}], "MalformedXML"),
        ([{"Status": "Enabled", "Filter": {}}], "InvalidRequest"),
        ([{"Status": "Enabled", "Filter": {}, "Expiration": {"Days": 0}}], "InvalidArgument"),
        (
            [{"Status": "Enabled", "Filter": {}, "Expiration": {"Date": 1_800_000_001}}],
            "InvalidArgument",
        ),
        ([{"Status": "Enabled", "Filter": {}, "ID": "a", "Expiration": {"Days": 1}}] * 2,
         "InvalidArgument"),
    ],
)  # fmt: skip
async def test_rules_that_are_refused(s3: S3, rules: list[Any], code: str) -> None:
    with refused(code):
        await s3("PutBucketLifecycleConfiguration", LifecycleConfiguration={"Rules": rules})
