"""Temporary credentials in wire names, and who may have them."""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.kernel.credentials import TEMPORARY, issue
from pileus.services.sts import errors
from pileus.values.context import Principal
from pileus.values.times import utc


def issued(call: StreamCall, principal: Principal, duration_s: int) -> dict[str, Any]:
    """A ``Credentials`` for ``principal``."""
    made = issue(call.signing_key, call.random_bytes, principal, call.now_ms, duration_s)
    assert made.expires_ms is not None
    return {
        "AccessKeyId": made.access_key_id,
        "SecretAccessKey": made.secret_key,
        "SessionToken": made.session_token,
        "Expiration": utc(made.expires_ms),
    }


def check_is_permanent(call: StreamCall, operation: str) -> None:
    """Raise AccessDenied when the caller's own credentials are temporary ones."""
    principal = call.context.principal
    if principal.access_key.startswith(TEMPORARY) or ":assumed-role/" in principal.arn:
        raise errors.session_credentials(operation)
