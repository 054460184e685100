"""Copies within the account."""

from __future__ import annotations

import pytest

from tests.services.s3.support import LARGE, S3, refused


@pytest.mark.parametrize("body", [b"", b"hello", LARGE])
async def test_a_copy_has_bytes_headers_and_tags(s3: S3, body: bytes) -> None:
    await s3.put(
        "a b", body, ContentType="text/plain", Metadata={"m": "1"}, Tagging="t=1",
        ChecksumAlgorithm="SHA256", StorageClass="STANDARD_IA", WebsiteRedirectLocation="/x",
    )  # fmt: skip
    output = await s3("CopyObject", Key="c", CopySource="/bucket/a%20b")
    original = await s3("HeadObject", Key="a b", ChecksumMode="ENABLED")
    copy = await s3("HeadObject", Key="c", ChecksumMode="ENABLED")
    assert await s3.get("c") == body
    for name in ("ETag", "ContentType", "Metadata", "ChecksumSHA256", "TagCount"):
        assert copy[name] == original[name]
    assert output["CopyObjectResult"]["ETag"] == copy["ETag"]
    assert "StorageClass" not in copy
    assert "WebsiteRedirectLocation" not in copy


async def test_directives_replace(s3: S3) -> None:
    await s3.put("a", ContentType="text/plain", Metadata={"m": "1"}, Tagging="t=1")
    await s3(
        "CopyObject", Key="a", CopySource="bucket/a", MetadataDirective="REPLACE",
        ContentType="text/html", TaggingDirective="REPLACE", Tagging="u=2",
    )  # fmt: skip
    head = await s3("HeadObject", Key="a")
    assert (head["ContentType"], head["Metadata"]) == ("text/html", {})
    assert (await s3("GetObjectTagging", Key="a"))["TagSet"] == [{"Key": "u", "Value": "2"}]


async def test_a_copy_onto_itself_must_change_something(s3: S3) -> None:
    await s3.put("a")
    with refused("InvalidRequest"):
        await s3("CopyObject", Key="a", CopySource="bucket/a")
    await s3("CopyObject", Key="a", CopySource="bucket/a", StorageClass="STANDARD_IA")


async def test_sources_that_are_not_there(s3: S3) -> None:
    with refused("NoSuchKey", 404):
        await s3("CopyObject", Key="c", CopySource="bucket/none")
    with refused("NoSuchBucket", 404):
        await s3("CopyObject", Key="c", CopySource="missing/none")
    with refused("InvalidArgument"):
        await s3("CopyObject", Key="c", CopySource="bucket")


async def test_a_version_is_copied(s3: S3) -> None:
    await s3("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"})
    first = (await s3.put("a", b"1"))["VersionId"]
    await s3.put("a", b"2")
    output = await s3("CopyObject", Key="a", CopySource=f"bucket/a?versionId={first}")
    assert output["CopySourceVersionId"] == first
    assert await s3.get("a") == b"1"
