"""Passwords for registry clients: who they stand for and until when, signed; no store is asked."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

import msgspec

from pileus.kernel.calls import Call
from pileus.values.context import Principal

USER = "AWS"
"""The name that goes with them."""
_MAC_BYTES = 32


class Password(msgspec.Struct, frozen=True):
    """A password and when it ends."""

    text: str
    expires_ms: int


class Bearer(msgspec.Struct, array_like=True, frozen=True):
    """Whom a password stands for."""

    arn: str
    account: str
    user_id: str
    region: str
    expires_ms: int

    @property
    def principal(self) -> Principal:
        return Principal(self.arn, self.account, "", self.user_id)


def issue(call: Call, duration_s: int) -> Password:
    """A password for who calls, in the account and region called."""
    principal = call.context.principal
    expires_ms = (call.now_ms // 1000 + duration_s) * 1000
    bearer = Bearer(principal.arn, call.account, principal.user_id, call.region, expires_ms)
    raw = msgspec.msgpack.encode(bearer)
    text = base64.urlsafe_b64encode(raw + _mac(call.signing_key, raw)).decode()
    return Password(text, expires_ms)


def read(signing_key: bytes, text: str, now_ms: int) -> Bearer | None:
    """Whom a password stands for; None when it was not made here or is over."""
    try:
        raw = base64.b64decode(text, altchars=b"-_", validate=True)
        body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        if not hmac.compare_digest(mac, _mac(signing_key, body)):
            return None
        bearer = msgspec.msgpack.decode(body, type=Bearer)
    except (binascii.Error, ValueError):
        return None
    return bearer if now_ms < bearer.expires_ms else None


def _mac(signing_key: bytes, body: bytes) -> bytes:
    return hmac.digest(signing_key, b"registry:" + body, hashlib.sha256)
