"""A plain CloudFormation template onto a platform, as ``aws cloudformation deploy`` does it."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pileus.deploy.api import Api, Time
from pileus.deploy.buckets import exists, upload
from pileus.deploy.errors import ApiError, DeployError
from pileus.deploy.local_code import pack_local_code
from pileus.deploy.progress import Progress
from pileus.deploy.stacks import StackChange, StackOutcome, Stacks
from pileus.languages.cfn import TemplateError
from pileus.languages.cfn.parsing import parse_text

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

    Code that it names by a path (``local_code``), relative to the file, is packed and uploaded first.

    Args:
        change: the stack's name, its parameters and its tags.

    Raises:
        DeployError: the file cannot be read or is refused, or code that it names cannot be packed.
        StackFailed: the stack was rolled back.
    """
    name, parameters, tags = change
    try:
        text = file.read_text()
    except OSError as error:
        raise DeployError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DeployError(f"{file} is no text in UTF-8: {error}") from error
    text = _with_code(api, file, text, progress)
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


def _with_code(api: Api, file: Path, text: str, progress: Progress) -> str:
    """The template with its local code in a bucket; as it is where it names none."""
    try:
        template = parse_text(text)
    except TemplateError:
        return text  # CloudFormation says what is wrong with it.
    with tempfile.TemporaryDirectory(prefix="pileus-package-") as scratch:
        root = file.absolute().parent
        code = pack_local_code(template, root, Path(scratch), (file.name,))
        if not code.packages:
            return text
        bucket = _made_bucket(api)
        keys = {name: f"code/{package.digest}.zip" for name, package in code.packages.items()}
        for name, package in code.packages.items():
            if not exists(api, bucket, keys[name]):
                progress.step(f"Uploading the code of {name} ({package.size_bytes / 1e6:.1f} MB)")
                upload(api, bucket, keys[name], package.path)
    return json.dumps(code.placed(template, bucket, keys), indent=1)


def _uploaded(api: Api, text: str) -> str:
    """A template too large for the call itself goes through a bucket."""
    bucket = _made_bucket(api)
    key = f"{hashlib.sha256(text.encode()).hexdigest()}.template"
    api.call("s3", "PutObject", Bucket=bucket, Key=key, Body=text.encode())
    return f"{api.endpoint}/{bucket}/{key}"


def _made_bucket(api: Api) -> str:
    """The account's bucket for templates and their code, made at its first use."""
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
    return bucket
