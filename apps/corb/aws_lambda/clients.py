"""AWS clients, made at first use and kept for the life of the instance.

Making them at import would carry credentials and sockets of the moment into every copy of a
snapshotted instance.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

_PATIENT = Config(
    connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 5}
)


@cache
def s3() -> Any:
    """Objects: segments in, detections out."""
    return boto3.client("s3", config=_PATIENT)


@cache
def sagemaker_runtime() -> Any:
    """The detector's endpoint; the first call may wait while an instance is started."""
    return boto3.client("sagemaker-runtime", config=_PATIENT)


@cache
def dynamodb() -> Any:
    """The occupancy table."""
    return boto3.client("dynamodb", config=_PATIENT)


@cache
def sns() -> Any:
    """SMS out."""
    return boto3.client("sns", config=_PATIENT)
