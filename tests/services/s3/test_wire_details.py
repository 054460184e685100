"""What S3 says to the letter, where a client may look at it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pileus.values.errors import ServiceError
from tests.services.s3.support import S3, refused

ETAG = '"9dd4e461268c8034f5c8564e155c67a6"'
HEADER = (
    "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters "
    "without tag name duplicates."
)


@pytest.mark.parametrize("constraint", ["us-east-1", "mars-1"])
async def test_a_location_that_is_none(s3: S3, constraint: str) -> None:
    where = {"LocationConstraint": constraint}
    with refused("InvalidLocationConstraint") as caught:
        await s3("CreateBucket", Bucket="other", CreateBucketConfiguration=where)
    assert caught.value.message == "The specified location-constraint is not valid"
    assert caught.value.fields == where


@pytest.mark.parametrize("given", ["", "us-west-2"])
async def test_a_location_elsewhere_than_the_endpoint(s3: S3, given: str) -> None:
    wanted = {"CreateBucketConfiguration": {"LocationConstraint": given}} if given else {}
    with pytest.raises(ServiceError) as caught:
        work = s3.platform.kernel.invoke(
            replace(s3.platform.context, region="eu-west-1"),
            "s3",
            "CreateBucket",
            {"Bucket": "other", **wanted},
        )
        await s3.platform.clock.run(work)
    assert caught.value.code == "IllegalLocationConstraintException"
    assert caught.value.message == (
        f"The {given or 'unspecified'} location constraint is incompatible for the region "
        "specific endpoint this request was sent to."
    )


async def test_an_ownership_that_is_none(s3: S3) -> None:
    with refused("InvalidArgument") as caught:
        await s3("CreateBucket", Bucket="other", ObjectOwnership="Mine")
    assert caught.value.message == "Invalid x-amz-object-ownership header: Mine"
    assert caught.value.fields == {"ArgumentName": "x-amz-object-ownership"}


@pytest.mark.parametrize("header", ["a=1&a=2", "a=1,b=2"])
async def test_a_tagging_header_that_is_none(s3: S3, header: str) -> None:
    with refused("InvalidArgument") as caught:
        await s3.put("k", Tagging=header)
    assert caught.value.message == HEADER
    assert caught.value.fields["ArgumentValue"] == header


async def test_tags_without_values_in_a_header(s3: S3) -> None:
    await s3.put("k", Tagging="one&&two")
    tags = (await s3("GetObjectTagging", Key="k"))["TagSet"]
    assert tags == [{"Key": "one", "Value": ""}, {"Key": "two", "Value": ""}]


@pytest.mark.parametrize(
    ("tags", "message", "fields"),
    [
        (
            [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}],
            "Cannot provide multiple Tags with the same key",
            {"TagKey": "a"},
        ),
        (
            [{"Key": "a,b", "Value": "1"}],
            "The TagKey you have provided is invalid",
            {"TagKey": "a,b"},
        ),
        (
            [{"Key": "a", "Value": "1,2"}],
            "The TagValue you have provided is invalid",
            {"TagKey": "a", "TagValue": "1,2"},
        ),
    ],
)
@pytest.mark.parametrize("operation", ["PutBucketTagging", "PutObjectTagging"])
async def test_tags_that_are_refused(
    s3: S3, operation: str, tags: list[dict[str, str]], message: str, fields: dict[str, str]
) -> None:
    key = {"Key": "k"} if operation == "PutObjectTagging" else {}
    await s3.put("k")
    with refused("InvalidTag") as caught:
        await s3(operation, Tagging={"TagSet": tags}, **key)
    assert (caught.value.message, caught.value.fields) == (message, fields)


async def test_reserved_tags_are_refused_in_other_words(s3: S3) -> None:
    await s3.put("k")
    tags = {"TagSet": [{"Key": "aws:x", "Value": ""}]}
    with refused("InvalidTag") as caught:
        await s3("PutBucketTagging", Tagging=tags)
    assert caught.value.message == "System tags cannot be added/updated by requester"
    with refused("InvalidTag") as caught:
        await s3("PutObjectTagging", Key="k", Tagging=tags)
    assert caught.value.message == "Your TagKey cannot be prefixed with aws:"
    assert caught.value.fields == {"TagKey": "aws:x"}


@pytest.mark.parametrize(
    ("operation", "method"),
    [("GetObjectTagging", "GET"), ("PutObjectTagging", "PUT"), ("DeleteObjectTagging", "DELETE")],
)
async def test_delete_markers_have_no_tags(s3: S3, operation: str, method: str) -> None:
    await s3("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"})
    await s3.put("k")
    await s3("DeleteObject", Key="k")
    given: dict[str, Any] = {"Tagging": {"TagSet": []}} if method == "PUT" else {}
    with refused("MethodNotAllowed", 405) as caught:
        await s3(operation, Key="k", **given)
    assert caught.value.fields == {"Method": method, "ResourceType": "DeleteMarker"}


async def test_tags_of_a_key_that_is_not_there(s3: S3) -> None:
    with refused("NoSuchKey", 404) as caught:
        await s3("GetObjectTagging", Key="none")
    assert caught.value.fields == {"Key": "bucket/none"}
    with refused("NoSuchKey", 404) as caught:
        await s3("DeleteObjectTagging", Key="none")
    assert caught.value.fields == {"Key": "none"}


@pytest.mark.parametrize(
    ("given", "header", "told"),
    [
        (
            {"IfNoneMatch": "x"},
            "If-None-Match",
            "We don't accept the provided value of If-None-Match header for this API",
        ),
        (
            {"IfMatch": "*"},
            "If-Match",
            "We don't accept the provided value of If-Match header for this API",
        ),
        (
            {"IfMatch": ETAG, "IfNoneMatch": "*"},
            "If-Match,If-None-Match",
            "Multiple conditional request headers present in the request",
        ),
    ],
)
async def test_conditions_that_writes_do_not_take(
    s3: S3, given: dict[str, str], header: str, told: str
) -> None:
    with refused("NotImplemented", 501) as caught:
        await s3.put("k", **given)
    assert caught.value.fields == {"Header": header, "additionalMessage": told}


async def test_a_key_that_changed_while_parts_were_uploaded(s3: S3) -> None:
    await s3.put("k", b"x")
    where = {"Key": "k", "UploadId": (await s3("CreateMultipartUpload", Key="k"))["UploadId"]}
    etag = (await s3("UploadPart", b"y", PartNumber=1, **where))["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    await s3.platform.clock.advance(1000)
    await s3.put("k", b"x")
    with refused("ConditionalRequestConflict", 409) as caught:
        await s3("CompleteMultipartUpload", MultipartUpload=parts, IfMatch=ETAG, **where)
    assert caught.value.fields == {"Condition": "If-Match", "Key": "k"}
    await s3("CompleteMultipartUpload", MultipartUpload=parts, **where)


async def test_completing_without_a_list(s3: S3) -> None:
    where = {"Key": "k", "UploadId": (await s3("CreateMultipartUpload", Key="k"))["UploadId"]}
    with refused("InvalidRequest") as caught:
        await s3("CompleteMultipartUpload", **where)
    assert caught.value.message == "You must specify at least one part"
    with refused("MalformedXML"):
        await s3("CompleteMultipartUpload", MultipartUpload={"Parts": []}, **where)


async def test_a_range_that_is_the_whole_shows_the_checksum(s3: S3) -> None:
    await s3.put("k", b"0123456789", ChecksumAlgorithm="CRC32")
    whole = await s3("GetObject", Key="k", Range="bytes=0-100", ChecksumMode="ENABLED")
    assert whole["ChecksumCRC32"]
    part = await s3("GetObject", Key="k", Range="bytes=0-8", ChecksumMode="ENABLED")
    assert "ChecksumCRC32" not in part


async def test_copying_from_behind_the_end(s3: S3) -> None:
    await s3.put("k", b"0123456789")
    where = {"Key": "c", "UploadId": (await s3("CreateMultipartUpload", Key="c"))["UploadId"]}
    given = {**where, "PartNumber": 1, "CopySource": "bucket/k"}
    with refused("InvalidRequest") as caught:
        await s3("UploadPartCopy", CopySourceRange="bytes=100-200", **given)
    assert caught.value.message == "The specified copy range is invalid for the source object size"
    with refused("InvalidArgument"):
        await s3("UploadPartCopy", CopySourceRange="bytes=0-100", **given)


@pytest.mark.parametrize("value", [True, False])
async def test_bypassing_a_lock_that_is_not_there(s3: S3, value: bool) -> None:
    message = "x-amz-bypass-governance-retention is only applicable to Object Lock enabled buckets."
    with refused("InvalidArgument") as caught:
        await s3("DeleteObject", Key="k", BypassGovernanceRetention=value)
    assert caught.value.message == message
    assert caught.value.fields == {"ArgumentName": "x-amz-bypass-governance-retention"}


async def test_an_id_that_s3_never_gave(s3: S3) -> None:
    await s3.put("k")
    strange = "HPniJFCxqTsMuIH9KX8K8wEjNUgmABCD"
    for operation in ("GetObject", "HeadObject", "DeleteObject"):
        with refused("InvalidArgument") as caught:
            await s3(operation, Key="k", VersionId=strange)
        assert caught.value.message == "Invalid version id specified"
    objects = {"Objects": [{"Key": "k", "VersionId": strange}]}
    told = await s3("DeleteObjects", Delete=objects)
    assert told["Errors"][0]["Code"] == "NoSuchVersion"


async def test_acceleration_of_a_name_with_dots(s3: S3) -> None:
    await s3("CreateBucket", Bucket="with.dots")
    with refused("InvalidRequest"):
        await s3(
            "PutBucketAccelerateConfiguration",
            Bucket="with.dots",
            AccelerateConfiguration={"Status": "Enabled"},
        )


async def test_an_index_document_in_a_folder(s3: S3) -> None:
    with refused("InvalidArgument") as caught:
        await s3("PutBucketWebsite", WebsiteConfiguration={"IndexDocument": {"Suffix": "a/b"}})
    assert caught.value.message == "The IndexDocument Suffix is not well formed"


async def test_several_conditions_of_a_rule_stand_below_and(s3: S3) -> None:
    rule = {"Status": "Enabled", "Expiration": {"Days": 1}}
    both = {"Prefix": "a", "Tag": {"Key": "k", "Value": "v"}}
    with refused("MalformedXML"):
        await s3(
            "PutBucketLifecycleConfiguration",
            LifecycleConfiguration={"Rules": [{**rule, "Filter": both}]},
        )


@pytest.mark.parametrize(
    ("kind", "member", "arn", "name", "reason"),
    [
        ("QueueConfigurations", "QueueArn", "sqs:us-east-1:000000000000:q", "Queue", "queue"),
        ("TopicConfigurations", "TopicArn", "sns:us-east-1:000000000000:t", "Topic", "topic"),
        (
            "LambdaFunctionConfigurations",
            "LambdaFunctionArn",
            "lambda:us-east-1:000000000000:function:f",
            "CloudFunction",
            "Lambda",
        ),
    ],
)
async def test_destinations_that_are_not_there(
    s3: S3, kind: str, member: str, arn: str, name: str, reason: str
) -> None:
    entry = {"Events": ["s3:ObjectCreated:*"]}
    with refused("InvalidArgument") as caught:
        config = {kind: [{**entry, member: "what"}]}
        await s3("PutBucketNotificationConfiguration", NotificationConfiguration=config)
    assert caught.value.fields == {"ArgumentName": name, "ArgumentValue": "what"}
    with refused("InvalidArgument") as caught:
        config = {kind: [{**entry, member: f"arn:aws:{arn}"}]}
        await s3("PutBucketNotificationConfiguration", NotificationConfiguration=config)
    assert caught.value.fields == {
        "ArgumentName1": f"arn:aws:{arn}",
        "ArgumentValue1": f"The destination {reason} does not exist",
    }


@pytest.mark.parametrize(
    ("operation", "given", "message", "fields"),
    [
        (
            "ListBuckets",
            {"MaxBuckets": 0},
            "Argument max-buckets must be an integer between 1 and 10000",
            {"ArgumentName": "max-buckets", "ArgumentValue": 0},
        ),
        (
            "GetObjectAttributes",
            {"Key": "k", "ObjectAttributes": ["Colour"]},
            "Invalid attribute name specified.",
            {"ArgumentName": "x-amz-object-attributes", "ArgumentValue": "Colour"},
        ),
        (
            "PutObject",
            {"Key": "k", "ACL": "mine"},
            "",
            {"ArgumentName": "x-amz-acl", "ArgumentValue": "mine"},
        ),
        (
            "CopyObject",
            {"Key": "k", "CopySource": "one"},
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            {"ArgumentName": "x-amz-copy-source", "ArgumentValue": "one"},
        ),
    ],
)
async def test_arguments_that_are_none(
    s3: S3, operation: str, given: dict[str, Any], message: str, fields: dict[str, Any]
) -> None:
    with refused("InvalidArgument") as caught:
        await s3(operation, **given)
    assert (caught.value.message, caught.value.fields) == (message, fields)
