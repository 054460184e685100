"""Links to packages, good for ten minutes for whoever holds them, as AWS's presigned ones are.

https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html
"""

from __future__ import annotations

import hashlib
import hmac

from pileus.kernel.calls import Call

PATH = "code/"
"""Where they are served, below the platform's own prefix."""
_VALID_S = 600


def link(call: Call, blob: str) -> str:
    """The address of a package."""
    expires_s = call.now_ms // 1000 + _VALID_S
    signature = _signature(call.signing_key, blob, expires_s)
    return f"{call.context.endpoint}/_pileus/{PATH}{blob}?expires={expires_s}&signature={signature}"


def is_valid(signing_key: bytes, blob: str, query: tuple[str, str], now_ms: int) -> bool:
    """Whether ``query`` (``expires`` and ``signature`` as they came) opens ``blob`` now."""
    expires, signature = query
    if not (expires.isascii() and expires.isdecimal()):
        return False
    expected = _signature(signing_key, blob, int(expires))
    is_ours = hmac.compare_digest(expected.encode(), signature.encode())
    return is_ours and now_ms < int(expires) * 1000


def _signature(signing_key: bytes, blob: str, expires_s: int) -> str:
    message = f"code:{expires_s}:{blob}".encode()
    return hmac.digest(signing_key, message, hashlib.sha256).hex()
