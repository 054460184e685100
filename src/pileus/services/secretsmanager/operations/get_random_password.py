"""GetRandomPassword. https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.secretsmanager import passwords


@read
def get_random_password(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A password; nothing keeps it."""
    return {"RandomPassword": passwords.password(call.random_bytes, request)}
