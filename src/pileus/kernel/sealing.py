"""Small secret values as they lie in State: sealed with AES-256-GCM, bound to what they belong to.

Until there is a KMS room, the key is derived from the platform's own key, the room and the account.
"""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pileus.kernel.calls import Call

_NONCE_BYTES = 12


def _cipher(call: Call) -> AESGCM:
    label = f"{call.space[2]}:{call.account}".encode()
    return AESGCM(hmac.digest(call.signing_key, label, hashlib.sha256))


def seal(call: Call, plain: bytes, place: str) -> bytes:
    """``plain`` as it may lie on a disk; ``place`` is authenticated with it, not stored."""
    nonce = call.random_bytes(_NONCE_BYTES)
    return nonce + _cipher(call).encrypt(nonce, plain, place.encode())


def unseal(call: Call, sealed: bytes, place: str) -> bytes:
    """The inverse of :func:`seal`; cryptography's InvalidTag when bytes or place differ."""
    nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    return _cipher(call).decrypt(nonce, rest, place.encode())
