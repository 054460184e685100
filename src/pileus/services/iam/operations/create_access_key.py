"""CreateAccessKey. https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.credentials import (
    ACCESS_KEYS,
    PERMANENT,
    SECRET_BYTES,
    AccessKey,
    access_key_id,
)
from pileus.kernel.operations import write
from pileus.services.iam import (
    errors,
    keys,
    shapes,
    store,
)
from pileus.services.iam.limits import LIMITS


@write
def create_access_key(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Create an access key; the secret is told only now."""
    record = store.identity(call.state, "user", keys.user_name(call, request))
    name = store.fold(record.name)
    if call.state.count(("key_of", name)) >= LIMITS.access_keys_max:
        raise errors.quota("AccessKeysPerUser", LIMITS.access_keys_max)
    key = AccessKey(
        id=access_key_id(PERMANENT, call.account, call.random_bytes),
        secret=base64.b64encode(call.random_bytes(SECRET_BYTES)).decode(),
        user=record.name,
        arn=record.arn(call.account),
        user_id=record.id,
        created_ms=call.now_ms,
    )
    call.state.put(("access_key", key.id), ACCESS_KEYS.encode(key))
    call.state.put(("key_of", name, key.id), b"")
    return {"AccessKey": {**shapes.wire_key(key), "SecretAccessKey": key.secret}}
