"""Configurations that are kept and shown, and what S3 answers where there is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.services.s3.support import S3, refused


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("GetBucketCors", "NoSuchCORSConfiguration"),
        ("GetBucketLifecycleConfiguration", "NoSuchLifecycleConfiguration"),
        ("GetBucketPolicy", "NoSuchBucketPolicy"),
        ("GetBucketPolicyStatus", "NoSuchBucketPolicy"),
        ("GetBucketReplication", "ReplicationConfigurationNotFoundError"),
        ("GetBucketTagging", "NoSuchTagSet"),
        ("GetBucketWebsite", "NoSuchWebsiteConfiguration"),
        ("GetObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"),
    ],
)
async def test_nothing_is_set(s3: S3, operation: str, code: str) -> None:
    with refused(code, 404) as caught:
        await s3(operation)
    assert caught.value.fields == {"BucketName": "bucket"}


async def test_what_a_new_bucket_shows(s3: S3) -> None:
    assert await s3("GetBucketLogging") == {}
    assert await s3("GetBucketAccelerateConfiguration") == {}
    assert await s3("GetBucketRequestPayment") == {"Payer": "BucketOwner"}
    rule = (await s3("GetBucketEncryption"))["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    blocks = (await s3("GetPublicAccessBlock"))["PublicAccessBlockConfiguration"]
    assert set(blocks.values()) == {True}
    rules = (await s3("GetBucketOwnershipControls"))["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    acl = await s3("GetBucketAcl")
    assert [grant["Permission"] for grant in acl["Grants"]] == ["FULL_CONTROL"]


@pytest.mark.parametrize(
    ("kind", "member", "payload", "value", "absent"),
    [
        (
            "BucketCors", "CORSConfiguration", "",
            {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]},
            "NoSuchCORSConfiguration",
        ),
        (
            "BucketTagging", "Tagging", "", {"TagSet": [{"Key": "a", "Value": "b"}]},
            "NoSuchTagSet",
        ),
        (
            "BucketWebsite", "WebsiteConfiguration", "",
            {"IndexDocument": {"Suffix": "index.html"}}, "NoSuchWebsiteConfiguration",
        ),
        (
            "PublicAccessBlock", "PublicAccessBlockConfiguration",
            "PublicAccessBlockConfiguration",
            {
                "BlockPublicAcls": False, "IgnorePublicAcls": True,
                "BlockPublicPolicy": False, "RestrictPublicBuckets": False,
            },
            "NoSuchPublicAccessBlockConfiguration",
        ),
        (
            "BucketOwnershipControls", "OwnershipControls", "OwnershipControls",
            {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}, "OwnershipControlsNotFoundError",
        ),
    ],
)  # fmt: skip
async def test_put_get_delete(
    s3: S3, kind: str, member: str, payload: str, value: dict[str, Any], absent: str
) -> None:
    await s3(f"Put{kind}", **{member: value})
    found = await s3(f"Get{kind}")
    assert (found[payload] if payload else found) == value
    await s3(f"Delete{kind}")
    with refused(absent, 404):
        await s3(f"Get{kind}")
    await s3(f"Delete{kind}")


async def test_default_encryption_shows_on_objects(s3: S3) -> None:
    applied = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "key"}
    config = {"Rules": [{"ApplyServerSideEncryptionByDefault": applied, "BucketKeyEnabled": True}]}
    await s3("PutBucketEncryption", ServerSideEncryptionConfiguration=config)
    await s3.put("k")
    head = await s3("HeadObject", Key="k")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "key")
    assert head["BucketKeyEnabled"] is True
    await s3.put("plain", ServerSideEncryption="AES256")
    assert (await s3("HeadObject", Key="plain"))["ServerSideEncryption"] == "AES256"
    await s3("DeleteBucketEncryption")
    await s3.put("k")
    assert (await s3("HeadObject", Key="k"))["ServerSideEncryption"] == "AES256"


def _policy(resource: str = "arn:aws:s3:::bucket/*", **more: Any) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
        "Action": "s3:GetObject",
        "Resource": resource,
        **more,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


async def test_a_policy_is_kept_as_given(s3: S3) -> None:
    text = _policy()
    reply = await s3.reply("PutBucketPolicy", Policy=text)
    assert reply.status == 204
    assert (await s3("GetBucketPolicy"))["Policy"] == text
    assert (await s3("GetBucketPolicyStatus"))["PolicyStatus"] == {"IsPublic": False}
    await s3("DeleteBucketPolicy")
    with refused("NoSuchBucketPolicy", 404):
        await s3("GetBucketPolicy")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no json", "Policies must be valid JSON and the first byte must be '{'"),
        ("{", "This policy contains invalid Json"),
        ("{}", "Missing required field Statement"),
        ('{"Statement": [{"Effect": "Allow"}]}', "Missing required field Principal"),
        (_policy(Effect="Maybe"), "Invalid policy syntax."),
        (_policy("arn:aws:s3:::other/*"), "Policy has invalid resource"),
        (_policy(Action="sqs:SendMessage"), "Policy has invalid action"),
    ],
)
async def test_policies_that_are_refused(s3: S3, text: str, message: str) -> None:
    with refused("MalformedPolicy") as caught:
        await s3("PutBucketPolicy", Policy=text)
    assert caught.value.message == message


async def test_public_policies_are_blocked_until_allowed(s3: S3) -> None:
    text = _policy(Principal="*")
    with refused("AccessDenied", 403):
        await s3("PutBucketPolicy", Policy=text)
    bound = _policy(Principal="*", Condition={"StringEquals": {"aws:SourceVpce": "vpce-1"}})
    await s3("PutBucketPolicy", Policy=bound)
    await s3("DeletePublicAccessBlock")
    await s3("PutBucketPolicy", Policy=text)
    assert (await s3("GetBucketPolicyStatus"))["PolicyStatus"] == {"IsPublic": True}


async def test_acls_need_other_ownership(s3: S3) -> None:
    await s3.put("k")
    with refused("AccessControlListNotSupported"):
        await s3("PutBucketAcl", ACL="public-read")
    with refused("AccessControlListNotSupported"):
        await s3("PutObjectAcl", Key="k", ACL="public-read")
    rules = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    await s3("PutBucketOwnershipControls", OwnershipControls=rules)
    await s3("PutBucketAcl", ACL="public-read")
    await s3("PutObjectAcl", Key="k", ACL="authenticated-read")
    grants = (await s3("GetObjectAcl", Key="k"))["Grants"]
    assert grants[1]["Grantee"]["URI"].endswith("/AuthenticatedUsers")
    shown = await s3("GetBucketAcl")
    await s3("PutBucketAcl", AccessControlPolicy=shown)
    assert await s3("GetBucketAcl") == shown
    with refused("MissingSecurityHeader"):
        await s3("PutBucketAcl")


@pytest.mark.parametrize(
    ("operation", "given", "code"),
    [
        (
            "PutBucketCors",
            {"CORSConfiguration": {"CORSRules": [
                {"AllowedMethods": ["FETCH"], "AllowedOrigins": ["*"]}]}},
            "InvalidRequest",
        ),
        ("PutBucketCors", {"CORSConfiguration": {"CORSRules": []}}, "MalformedXML"),
        ("PutBucketWebsite", {"WebsiteConfiguration": {}}, "InvalidArgument"),
        (
            "PutBucketTagging",
            {"Tagging": {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}},
            "InvalidTag",
        ),
        (
            "PutBucketLogging",
            {"BucketLoggingStatus": {
                "LoggingEnabled": {"TargetBucket": "missing", "TargetPrefix": ""}}},
            "InvalidTargetBucketForLogging",
        ),
        ("PutBucketVersioning", {"VersioningConfiguration": {"Status": "On"}}, "MalformedXML"),
    ],
)  # fmt: skip
async def test_values_that_are_refused(
    s3: S3, operation: str, given: dict[str, Any], code: str
) -> None:
    with refused(code):
        await s3(operation, **given)


@pytest.mark.parametrize(
    "operation", ["PutObjectLockConfiguration", "PutObjectRetention", "PutObjectLegalHold"]
)
async def test_object_lock_is_refused_by_name(s3: S3, operation: str) -> None:
    key = {} if "Configuration" in operation else {"Key": "k"}
    with refused("NotImplemented", 501) as caught:
        await s3(operation, **key)
    assert "object lock" in caught.value.message


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("Metrics", {"Filter": {"Prefix": "logs/"}}),
        ("Analytics", {"StorageClassAnalysis": {}}),
        (
            "Inventory",
            {
                "Destination": {
                    "S3BucketDestination": {"Bucket": "arn:aws:s3:::bucket", "Format": "CSV"}
                },
                "IsEnabled": True,
                "IncludedObjectVersions": "All",
                "Schedule": {"Frequency": "Daily"},
            },
        ),
        (
            "IntelligentTiering",
            {"Status": "Enabled", "Tierings": [{"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}]},
        ),
    ],
)
async def test_configurations_with_ids(s3: S3, kind: str, given: dict[str, Any]) -> None:
    name, member = f"Bucket{kind}Configuration", f"{kind}Configuration"
    with refused("NoSuchConfiguration", 404) as caught:
        await s3(f"Get{name}", Id="a")
    assert caught.value.message == "The specified configuration does not exist."
    for each in ("b", "a"):
        await s3(f"Put{name}", Id=each, **{member: {"Id": each, **given}})
    assert await s3(f"Get{name}", Id="a") == {member: {"Id": "a", **given}}
    listed = await s3(f"List{name}s")
    assert [each["Id"] for each in listed[f"{member}List"]] == ["a", "b"]
    assert listed["IsTruncated"] is False
    await s3(f"Delete{name}", Id="a")
    with refused("NoSuchConfiguration", 404):
        await s3(f"Delete{name}", Id="a")
    assert len((await s3(f"List{name}s"))[f"{member}List"]) == 1


async def test_a_long_list_of_configurations_has_pages(s3: S3) -> None:
    for number in range(101):
        each = f"m{number:03}"
        await s3("PutBucketMetricsConfiguration", Id=each, MetricsConfiguration={"Id": each})
    first = await s3("ListBucketMetricsConfigurations")
    assert (len(first["MetricsConfigurationList"]), first["IsTruncated"]) == (100, True)
    token = first["NextContinuationToken"]
    second = await s3("ListBucketMetricsConfigurations", ContinuationToken=token)
    assert second["MetricsConfigurationList"] == [{"Id": "m100"}]
    assert second["IsTruncated"] is False
