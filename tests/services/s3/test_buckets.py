"""Buckets and their names."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.values.errors import ServiceError
from tests.services.s3.support import S3, refused


async def test_a_bucket_is_found_and_listed(s3: S3) -> None:
    assert (await s3("HeadBucket"))["BucketRegion"] == "us-east-1"
    assert await s3("GetBucketLocation") == {}
    assert [row["Name"] for row in (await s3("ListBuckets"))["Buckets"]] == ["bucket"]


async def test_creating_again_in_us_east_1_is_no_error(s3: S3) -> None:
    assert (await s3("CreateBucket"))["Location"] == "/bucket"


async def test_creating_again_elsewhere_is_refused(s3: S3) -> None:
    where = {"LocationConstraint": "eu-central-1"}
    await s3("CreateBucket", Bucket="other", CreateBucketConfiguration=where)
    assert (await s3("HeadBucket", Bucket="other"))["BucketRegion"] == "eu-central-1"
    found = await s3("GetBucketLocation", Bucket="other")
    assert found["LocationConstraint"] == "eu-central-1"
    with refused("BucketAlreadyOwnedByYou", 409):
        await s3("CreateBucket", Bucket="other", CreateBucketConfiguration=where)


@pytest.mark.parametrize(
    "name",
    ["ab", "a" * 64, "Upper", "under_score", "-a-", "a..b", "192.168.5.4", "xn--abc", "a-s3alias"],
)
async def test_names_that_no_bucket_can_have(s3: S3, name: str) -> None:
    with refused("InvalidBucketName") as caught:
        await s3("CreateBucket", Bucket=name)
    assert caught.value.fields == {"BucketName": name}


@pytest.mark.parametrize(
    ("operation", "given"),
    [
        ("HeadBucket", {}),
        ("DeleteBucket", {}),
        ("ListObjectsV2", {}),
        ("GetObject", {"Key": "k"}),
        ("PutObject", {"Key": "k"}),
        ("DeleteObject", {"Key": "k"}),
        ("CreateMultipartUpload", {"Key": "k"}),
        ("GetBucketPolicy", {}),
    ],
)
async def test_a_bucket_that_is_not_there(s3: S3, operation: str, given: dict[str, Any]) -> None:
    with refused("NoSuchBucket", 404) as caught:
        await s3(operation, Bucket="missing", **given)
    assert caught.value.message == "The specified bucket does not exist"
    assert caught.value.fields == {"BucketName": "missing"}


async def test_only_empty_buckets_are_deleted(s3: S3) -> None:
    await s3.put("k")
    with refused("BucketNotEmpty", 409):
        await s3("DeleteBucket")
    await s3("DeleteObject", Key="k")
    await s3("DeleteBucket")
    with refused("NoSuchBucket", 404):
        await s3("HeadBucket")


async def test_uploads_under_way_end_with_their_bucket(s3: S3) -> None:
    upload = await s3("CreateMultipartUpload", Key="k")
    where = {"Key": "k", "UploadId": upload["UploadId"]}
    await s3("UploadPart", b"p" * 20_000, PartNumber=1, **where)
    await s3("DeleteBucket")
    await s3("CreateBucket")
    with refused("NoSuchUpload", 404):
        await s3("ListParts", **where)
    await s3("DeleteObject", Key="none")
    assert await s3.blobs() == 0


async def test_another_owner_is_expected(s3: S3) -> None:
    with refused("AccessDenied", 403):
        await s3("HeadBucket", ExpectedBucketOwner="123456789012")
    await s3("HeadBucket", ExpectedBucketOwner="000000000000")


async def test_listing_pages_and_filters(s3: S3) -> None:
    for name in ("bucket-1", "bucket-2", "other"):
        await s3("CreateBucket", Bucket=name)
    first = await s3("ListBuckets", MaxBuckets=2, Prefix="bucket")
    assert [row["Name"] for row in first["Buckets"]] == ["bucket", "bucket-1"]
    rest = await s3("ListBuckets", Prefix="bucket", ContinuationToken=first["ContinuationToken"])
    assert [row["Name"] for row in rest["Buckets"]] == ["bucket-2"]
    assert "ContinuationToken" not in rest


async def test_object_lock_is_refused_by_name(s3: S3) -> None:
    with pytest.raises(ServiceError, match="object lock"):
        await s3("CreateBucket", Bucket="locked", ObjectLockEnabledForBucket=True)
    with refused("ObjectLockConfigurationNotFoundError", 404):
        await s3("GetObjectLockConfiguration")


async def test_a_public_acl_needs_other_ownership(s3: S3) -> None:
    with refused("InvalidBucketAclWithObjectOwnership"):
        await s3("CreateBucket", Bucket="public", ACL="public-read")
    await s3(
        "CreateBucket", Bucket="public", ACL="public-read", ObjectOwnership="BucketOwnerPreferred"
    )
    grants = (await s3("GetBucketAcl", Bucket="public"))["Grants"]
    assert [grant["Permission"] for grant in grants] == ["FULL_CONTROL", "READ"]
