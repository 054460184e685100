"""SecureString values as they lie in State, sealed.

The parameter's ARN is authenticated with the value, as Parameter Store does by its encryption
context.
"""

from __future__ import annotations

import base64

from pileus.kernel import sealing
from pileus.kernel.calls import Call
from pileus.services.ssm.model import SECURE, Version


def arn(call: Call, name: str) -> str:
    """``arn:aws:ssm:<region>:<account>:parameter/<name>`` with exactly one slash between."""
    return call.arn(f"parameter/{name.removeprefix('/')}")


def seal(call: Call, name: str, value: str) -> bytes:
    """``value`` as it may lie on a disk."""
    return sealing.seal(call, value.encode(), arn(call, name))


def shown(call: Call, name: str, version: Version, *, is_decrypted: bool) -> str:
    """The value for a caller: a SecureString is told as ciphertext unless decryption was asked."""
    if version.type != SECURE:
        return version.value
    if not is_decrypted:
        return base64.b64encode(version.sealed).decode()
    return sealing.unseal(call, version.sealed, arn(call, name)).decode()
