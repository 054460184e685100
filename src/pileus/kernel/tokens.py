"""Tokens that a client keeps for us: opaque to it, and taken back only as they were given.

A token is good in the room, account and region that made it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from pileus.kernel.calls import Call

_TAG_BYTES = 16


def seal(call: Call, content: bytes) -> str:
    """``content`` as a token of the call's room."""
    return base64.b64encode(_tag(call, content) + content).decode()


def unseal(call: Call, token: str) -> bytes | None:
    """What :func:`seal` was given; None for a text that is none of this room's tokens."""
    try:
        raw = base64.b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        return None
    tag, content = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
    return content if hmac.compare_digest(tag, _tag(call, content)) else None


def _tag(call: Call, content: bytes) -> bytes:
    key = hashlib.sha256(call.signing_key + "/".join(("token", *call.space)).encode()).digest()
    return hashlib.blake2b(content, key=key, digest_size=_TAG_BYTES).digest()
