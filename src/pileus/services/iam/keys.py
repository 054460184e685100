"""Users' access keys, and which user a call is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.credentials import ACCESS_KEYS, AccessKey
from pileus.services.iam import errors, store


def user_name(call: ReadCall, request: Mapping[str, Any]) -> str:
    """``UserName``, or the calling user's; raises ValidationError when the caller is no user."""
    if name := request.get("UserName"):
        return str(name)
    resource = call.context.principal.arn.rpartition(":")[2]
    if not resource.startswith("user/"):
        raise errors.user_name_needed()
    return resource.rpartition("/")[2]


def user_keys(state: Any, user: str) -> list[AccessKey]:
    """A user's access keys."""
    rows = state.range(("key_of", store.fold(user)))
    return [ACCESS_KEYS.decode(state.get(("access_key", key[2]))) for key, _ in rows]


def key_of(call: ReadCall, request: Mapping[str, Any]) -> AccessKey:
    """The access key of the user the request is about; raises NoSuchEntity."""
    user, key_id = user_name(call, request), request["AccessKeyId"]
    store.identity(call.state, "user", user)
    raw = call.state.get(("access_key", key_id))
    if raw is None or store.fold(ACCESS_KEYS.decode(raw).user) != store.fold(user):
        raise errors.no_such_access_key(key_id)
    return ACCESS_KEYS.decode(raw)
