"""The registry itself."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from pileus.compute.images import passwords
from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.ecr import shapes
from pileus.services.ecr.limits import LIMITS


@read
def get_authorization_token(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html

    ``AWS:<password>`` in base 64, good for twelve hours at this platform's address.
    """
    password = passwords.issue(call, LIMITS.token_s)
    token = base64.b64encode(f"{passwords.USER}:{password.text}".encode()).decode()
    data = {
        "authorizationToken": token,
        "expiresAt": shapes.moment(password.expires_ms),
        "proxyEndpoint": call.context.endpoint,
    }
    return {"authorizationData": [data]}


@read
def describe_registry(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeRegistry.html"""
    return {"registryId": call.account, "replicationConfiguration": {"rules": []}}
