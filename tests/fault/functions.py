"""Functions on a live platform, made as boto3 users make them."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from typing import Any

from tests.conformance.live import LivePlatform

_TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}


def package(**files: str) -> bytes:
    """A zip of Python files; ``app`` stands for ``app.py``."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.py", text)
    return packed.getvalue()


def add_function(platform: LivePlatform, name: str, code: str, **more: Any) -> None:
    """A function ``app.handler`` with a role of its own."""
    trust = {"Version": "2012-10-17", "Statement": [{**_TRUST, "Action": "sts:AssumeRole"}]}
    role = platform.client("iam").create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps(trust)
    )["Role"]["Arn"]
    given = {
        "Handler": "app.handler",
        "Timeout": 60,
        "Code": {"ZipFile": package(app=code)},
        **more,
    }
    platform.client("lambda").create_function(
        FunctionName=name, Runtime=f"python3.{sys.version_info.minor}", Role=role, **given
    )
