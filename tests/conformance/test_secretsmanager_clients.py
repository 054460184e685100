"""secretsmanager as real clients see it: boto3, the AWS CLI, and AWS's own kind of rotator."""

from __future__ import annotations

import io
import time
import zipfile

import pytest

from tests.conformance.commands import Commands
from tests.conformance.live import LivePlatform

ROTATOR = """
import boto3

def handler(event, context):
    secrets = boto3.client("secretsmanager")
    arn, token = event["SecretId"], event["ClientRequestToken"]
    held = secrets.describe_secret(SecretId=arn)["VersionIdsToStages"]
    assert "AWSPENDING" in held[token], held
    if event["Step"] == "createSecret":
        try:
            secrets.get_secret_value(SecretId=arn, VersionId=token, VersionStage="AWSPENDING")
        except secrets.exceptions.ResourceNotFoundException:
            word = secrets.get_random_password(ExcludePunctuation=True)["RandomPassword"]
            secrets.put_secret_value(SecretId=arn, ClientRequestToken=token,
                                     SecretString=word, VersionStages=["AWSPENDING"])
    if event["Step"] == "finishSecret":
        current = next(v for v, stages in held.items() if "AWSCURRENT" in stages)
        secrets.update_secret_version_stage(SecretId=arn, VersionStage="AWSCURRENT",
                                            MoveToVersionId=token, RemoveFromVersionId=current)
"""


def test_boto3_makes_reads_and_deletes(live_platform: LivePlatform) -> None:
    secrets = live_platform.client("secretsmanager")
    made = secrets.create_secret(Name="boto", SecretString="one")
    secrets.put_secret_value(SecretId=made["ARN"], SecretBinary=b"\x00two")
    assert secrets.get_secret_value(SecretId="boto")["SecretBinary"] == b"\x00two"
    pages = secrets.get_paginator("list_secrets").paginate(PaginationConfig={"PageSize": 1})
    assert [each["Name"] for page in pages for each in page["SecretList"]] == ["boto"]
    with pytest.raises(secrets.exceptions.ResourceExistsException):
        secrets.create_secret(Name="boto", SecretString="other")
    secrets.delete_secret(SecretId="boto", ForceDeleteWithoutRecovery=True)
    with pytest.raises(secrets.exceptions.ResourceNotFoundException):
        secrets.get_secret_value(SecretId="boto")


def test_a_function_rotates_a_secret(live_platform: LivePlatform) -> None:
    role = live_platform.add_role("rotator")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", ROTATOR)
    function = live_platform.client("lambda").create_function(
        FunctionName="rotator", Runtime="python3.11", Role=role, Handler="app.handler",
        Code={"ZipFile": packed.getvalue()}, Timeout=30,
    )["FunctionArn"]  # fmt: skip
    secrets = live_platform.client("secretsmanager")
    secrets.create_secret(Name="turned", SecretString="old")
    version = secrets.rotate_secret(
        SecretId="turned", RotationLambdaARN=function, RotationRules={"AutomaticallyAfterDays": 9}
    )["VersionId"]
    deadline = time.monotonic() + 30
    while "LastRotatedDate" not in secrets.describe_secret(SecretId="turned"):
        assert time.monotonic() < deadline, "the rotation did not end"
        time.sleep(0.1)
    found = secrets.get_secret_value(SecretId="turned")
    assert found["VersionId"] == version
    assert len(found["SecretString"]) == 32
    previous = secrets.get_secret_value(SecretId="turned", VersionStage="AWSPREVIOUS")
    assert previous["SecretString"] == "old"


def test_the_aws_cli_makes_and_reads(commands: Commands) -> None:
    commands.aws("secretsmanager", "create-secret", "--name", "typed", "--secret-string", "word")
    found = commands.aws("secretsmanager", "get-secret-value", "--secret-id", "typed")
    assert found["SecretString"] == "word"
    word = commands.aws("secretsmanager", "get-random-password", "--password-length", "12")
    assert len(word["RandomPassword"]) == 12
