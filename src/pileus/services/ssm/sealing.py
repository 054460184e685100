"""SecureString values as they lie in State: sealed with AES-256-GCM, bound to their parameter.

Until there is a KMS room, the key is derived from the platform's own key and the account. The
parameter's ARN is authenticated with the value, as Parameter Store does by its encryption context.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pileus.kernel.calls import Call
from pileus.services.ssm.model import SECURE, Version

_NONCE_BYTES = 12


def arn(call: Call, name: str) -> str:
    """``arn:aws:ssm:<region>:<account>:parameter/<name>`` with exactly one slash between."""
    return call.arn(f"parameter/{name.removeprefix('/')}")


def _cipher(call: Call) -> AESGCM:
    label = f"ssm:{call.account}".encode()
    return AESGCM(hmac.digest(call.signing_key, label, hashlib.sha256))


def seal(call: Call, name: str, value: str) -> bytes:
    """``value`` as it may lie on a disk."""
    nonce = call.random_bytes(_NONCE_BYTES)
    return nonce + _cipher(call).encrypt(nonce, value.encode(), arn(call, name).encode())


def shown(call: Call, name: str, version: Version, *, is_decrypted: bool) -> str:
    """The value for a caller: a SecureString is told as ciphertext unless decryption was asked."""
    if version.type != SECURE:
        return version.value
    if not is_decrypted:
        return base64.b64encode(version.sealed).decode()
    nonce, sealed = version.sealed[:_NONCE_BYTES], version.sealed[_NONCE_BYTES:]
    return _cipher(call).decrypt(nonce, sealed, arn(call, name).encode()).decode()
