"""``s3`` events: buckets made with their notifications, or existing ones told to notify."""

from __future__ import annotations

from typing import Any

from pileus.languages.serverless.build import Build
from pileus.languages.serverless.names import (
    ACCOUNT,
    PARTITION,
    alphanumeric,
    function_id,
    joined_arn,
)
from pileus.languages.serverless.reading import Reading

EXISTING_TYPE = "Pileus::S3::BucketNotification"
"""Our own resource type: adds configurations to a bucket the stack does not own."""

_BUCKET_SETTINGS = [
    "accelerateConfiguration",
    "accessControl",
    "analyticsConfigurations",
    "bucketEncryption",
    "corsConfiguration",
    "intelligentTieringConfigurations",
    "inventoryConfigurations",
    "lifecycleConfiguration",
    "loggingConfiguration",
    "metricsConfigurations",
    "notificationConfiguration",
    "objectLockConfiguration",
    "objectLockEnabled",
    "ownershipControls",
    "publicAccessBlockConfiguration",
    "replicationConfiguration",
    "tags",
    "versioningConfiguration",
    "websiteConfiguration",
]


def add_s3(build: Build, name: str, event: Reading, index: int) -> None:
    """One ``s3`` event.

    Raises:
        ServiceFileError: no bucket, or a rule that is neither prefix nor suffix.
    """
    settings = event if isinstance(event.value, dict) else None
    bucket = (settings["bucket"] if settings else event).text_or_function("a bucket's name")
    kind = "s3:ObjectCreated:*"
    rules: list[dict[str, str]] = []
    if settings:
        settings.check_keys("bucket", "event", "rules", "existing", "forceDeploy")
        if settings["event"]:
            kind = settings["event"].text(r"s3:[A-Za-z:*]+", "an event such as s3:ObjectCreated:*")
        rules = [rule for entry in settings["rules"].entries() for rule in _rules(entry)]
    config: dict[str, Any] = {"Event": kind, "Function": build.target(name)}
    if rules:
        config["Filter"] = {"S3Key": {"Rules": rules}}
    if settings and settings["existing"].boolean(False):
        _existing(build, name, bucket, config, index)
        return
    if not isinstance(bucket, str):
        raise event.expected("a bucket's name; a function only with existing: true")
    _owned(build, name, bucket, config)


def _rules(entry: Reading) -> list[dict[str, str]]:
    result = []
    for key, value in entry.items():
        if key not in ("prefix", "suffix"):
            raise value.error("expected prefix or suffix")
        result.append({"Name": key, "Value": value.text()})
    return result


def _owned(build: Build, name: str, bucket: str, config: dict[str, Any]) -> None:
    settings = build.provider["s3"][bucket]
    deployed = settings["name"].text() if settings["name"] else bucket
    logical_id = f"S3Bucket{alphanumeric(bucket)}"
    permission = f"{function_id(name)}LambdaPermission{alphanumeric(bucket)}S3"
    if logical_id not in build.resources:
        properties: dict[str, Any] = {
            "BucketName": deployed,
            "NotificationConfiguration": {"LambdaConfigurations": []},
        }
        settings.check_keys("name", *_BUCKET_SETTINGS)
        for key in _BUCKET_SETTINGS:
            if settings[key]:
                properties[key[0].upper() + key[1:]] = settings[key].value
        build.add(logical_id, "AWS::S3::Bucket", properties, DependsOn=[])
    resource = build.resources[logical_id]
    resource["Properties"]["NotificationConfiguration"].setdefault(
        "LambdaConfigurations", []
    ).append(config)
    if permission not in resource["DependsOn"]:
        resource["DependsOn"].append(permission)
    _permit(build, permission, name, deployed)


def _permit(build: Build, logical_id: str, name: str, bucket: Any) -> None:
    source = joined_arn("arn:", PARTITION, f":s3:::{bucket}")
    if not isinstance(bucket, str):
        source = joined_arn("arn:", PARTITION, ":s3:::", bucket)
    build.permit(logical_id, name, "s3.amazonaws.com", source, SourceAccount=ACCOUNT)


def _existing(build: Build, name: str, bucket: Any, config: dict[str, Any], index: int) -> None:
    stem = function_id(name)
    permission = f"{stem}LambdaPermissionExisting{index}S3"
    _permit(build, permission, name, bucket)
    build.add(
        f"{stem}CustomS3{index}",
        EXISTING_TYPE,
        {"Bucket": bucket, "LambdaConfigurations": [config]},
        DependsOn=[permission],
    )
