"""A resolved service as a CloudFormation template."""

from __future__ import annotations

from typing import Any

from pileus.languages.serverless.build import BUCKET_ID, Build
from pileus.languages.serverless.destinations import add_invoke_config
from pileus.languages.serverless.events import add_events
from pileus.languages.serverless.functions import (
    add_function,
    add_layers,
    add_log_group,
    add_url,
    add_version,
    bucket_reference,
)
from pileus.languages.serverless.merging import merge_resources
from pileus.languages.serverless.names import PARTITION, function_id, joined_arn
from pileus.languages.serverless.reading import Reading
from pileus.languages.serverless.roles import add_role

_DESCRIPTION = "The AWS CloudFormation template for this Serverless application"


def initial_template(build: Build) -> dict[str, Any]:
    """The stack's first template: the deployment bucket alone, so that code can be put there."""
    bucket = Build(
        build.root, build.service, build.stage, build.region, {}, build.plan, {}, 0
    )  # fmt: skip
    _add_bucket(bucket)
    for output in bucket.outputs.values():
        del output["Export"]  # the framework exports it with the whole stack only
    return _template(bucket)


def full_template(build: Build) -> dict[str, Any]:
    """Everything.

    Raises:
        ServiceFileError: something in the file that cannot be translated.
    """
    _add_bucket(build)
    for name in build.functions:
        add_log_group(build, name)
    add_layers(build)
    for name in build.functions:
        add_function(build, name)
    for name in build.functions:
        add_events(build, name)
    for name in build.functions:
        add_version(build, name)
        add_url(build, name)
        add_invoke_config(build, name)
    add_role(build)
    _apply_conditions(build)
    return merge_resources(_template(build), build.root["resources"])


def _template(build: Build) -> dict[str, Any]:
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": _DESCRIPTION,
        "Resources": build.resources,
        "Outputs": build.outputs,
    }


def _add_bucket(build: Build) -> None:
    reference = bucket_reference(build)
    if reference == {"Ref": BUCKET_ID}:
        own = build.provider["deploymentBucket"]
        settings = own if isinstance(own.value, dict) else Reading(own.file, own.path, {})
        build.add(BUCKET_ID, "AWS::S3::Bucket", _bucket_properties(settings))
        if not settings["skipPolicySetup"].boolean(False):
            build.add(f"{BUCKET_ID}Policy", "AWS::S3::BucketPolicy", _bucket_policy())
    build.output(f"{BUCKET_ID}Name", reference)


def _bucket_properties(settings: Reading) -> dict[str, Any]:
    algorithm = settings["serverSideEncryption"].optional_text() or "AES256"
    by_default = {"SSEAlgorithm": algorithm}
    result: dict[str, Any] = {
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": by_default}]
        }
    }
    if settings["blockPublicAccess"].boolean(False):
        keys = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
        result["PublicAccessBlockConfiguration"] = dict.fromkeys(keys, True)
    if settings["versioning"].boolean(False):
        result["VersioningConfiguration"] = {"Status": "Enabled"}
    if settings["tags"]:
        tags = settings["tags"].items()
        result["Tags"] = [{"Key": key, "Value": value.text()} for key, value in tags]
    return result


def _bucket_policy() -> dict[str, Any]:
    bucket = {"Ref": BUCKET_ID}
    arn = ("arn:", PARTITION, ":s3:::", bucket)
    statement = {
        "Action": "s3:*",
        "Effect": "Deny",
        "Principal": "*",
        "Resource": [joined_arn(*arn, "/*"), joined_arn(*arn)],
        "Condition": {"Bool": {"aws:SecureTransport": False}},
    }
    return {"Bucket": bucket, "PolicyDocument": {"Statement": [statement]}}


def _apply_conditions(build: Build) -> None:
    """A function's ``condition`` holds for all that was made for it."""
    for name, function in build.functions.items():
        condition = function["condition"].optional_text()
        if condition is None:
            continue
        stem = function_id(name)
        for logical_id, resource in build.resources.items():
            if logical_id.startswith((f"{stem}Lambda", f"{stem}LogGroup", f"{stem}Event")):
                resource["Condition"] = condition
        for output, body in build.outputs.items():
            if output.startswith(f"{stem}Lambda"):
                body["Condition"] = condition
