"""Links to layers, good for an hour for whoever holds them, as AWS's presigned ones are."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlencode

from pileus.kernel.calls import Call

_VALID_S = 3600


def link(call: Call, repository: str, digest: str) -> str:
    """The address of a layer, below the distribution API."""
    expires_s = call.now_ms // 1000 + _VALID_S
    owner = f"{call.account}.{call.region}"
    query = {
        "owner": owner,
        "expires": str(expires_s),
        "signature": _signature(call.signing_key, f"{owner}/{repository}/{digest}", expires_s),
    }
    return f"{call.context.endpoint}/v2/{repository}/blobs/{digest}?{urlencode(query)}"


def is_valid(signing_key: bytes, what: str, query: tuple[str, str], now_ms: int) -> bool:
    """Whether ``query`` (``expires`` and ``signature``) opens ``what`` now.

    Args:
        what: ``<account>.<region>/<repository>/<digest>``.
    """
    expires, signature = query
    if not (expires.isascii() and expires.isdecimal()):
        return False
    expected = _signature(signing_key, what, int(expires))
    is_ours = hmac.compare_digest(expected.encode(), signature.encode())
    return is_ours and now_ms < int(expires) * 1000


def _signature(signing_key: bytes, what: str, expires_s: int) -> str:
    message = f"layer:{expires_s}:{what}".encode()
    return hmac.digest(signing_key, message, hashlib.sha256).hex()
