"""A plain CloudFormation template onto a platform, as ``aws cloudformation deploy`` does it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from pileus.deploy.api import Api, Time
from pileus.deploy.errors import ApiError, DeployError
from pileus.deploy.progress import Progress
from pileus.deploy.stacks import StackChange, StackOutcome, Stacks

BODY_BYTES_MAX = 51_200
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
_ALREADY_OURS = frozenset({"BucketAlreadyOwnedByYou"})


def deploy_template(
    api: Api,
    time: Time,
    file: Path,
    change: tuple[str, Mapping[str, str], Mapping[str, str]],
    progress: Progress,
) -> StackOutcome:
    """Create or update a stack from a file.

    Args:
        change: the stack's name, its parameters and its tags.

    Raises:
        DeployError: the file cannot be read or is refused.
        StackFailed: the stack was rolled back.
    """
    name, parameters, tags = change
    try:
        text = file.read_text()
    except OSError as error:
        raise DeployError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DeployError(f"{file} is no text in UTF-8: {error}") from error
    url = None
    if len(text.encode()) > BODY_BYTES_MAX:
        url = _uploaded(api, text)
    progress.step(f"Changing stack {name}")
    wanted = StackChange(
        name=name, body=None if url else text, url=url, parameters=parameters, tags=tags
    )
    try:
        return Stacks(api, time).change(wanted, progress.resource)
    except ApiError as error:
        if error.code != "ValidationError":
            raise
        raise DeployError(f"{file}: {error.detail}") from error


def _uploaded(api: Api, text: str) -> str:
    """A template too large for the call itself goes through a bucket, made for the purpose."""
    bucket = f"pileus-templates-{api.account}-{api.region}"
    settings = (
        {}
        if api.region == "us-east-1"
        else {"CreateBucketConfiguration": {"LocationConstraint": api.region}}
    )
    try:
        api.call("s3", "CreateBucket", Bucket=bucket, **settings)
    except ApiError as error:
        if error.code not in _ALREADY_OURS:
            raise
    key = f"{hashlib.sha256(text.encode()).hexdigest()}.template"
    api.call("s3", "PutObject", Bucket=bucket, Key=key, Body=text.encode())
    return f"{api.endpoint}/{bucket}/{key}"
