"""A user or group gets another name or path: all that lies under the old name moves along.

Trust policies and others' policies that name the old ARN are left as they are, as on AWS.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.credentials import ACCESS_KEYS
from pileus.services.iam import errors, identities, store
from pileus.services.iam.model import Identity
from pileus.values.keys import Key


def renamed(call: WriteCall, kind: str, request: Mapping[str, Any]) -> None:
    """Carry out UpdateUser or UpdateGroup; raises NoSuchEntity, EntityAlreadyExists."""
    record = identities.given(call, kind, request)
    old = store.fold(record.name)
    record.name = request.get(f"New{identities.member(kind)}") or record.name
    record.path = request.get("NewPath") or record.path
    new = store.fold(record.name)
    if new != old:
        if call.state.get((kind, new)) is not None:
            raise errors.identity_exists(kind, record.name)
        call.state.delete((kind, old))
        _move_policies(call.state, kind, old, new)
        _move_memberships(call.state, kind, old, new)
    store.put_identity(call.state, record)
    if kind == "user":
        _move_keys(call, record, old, new)


def _move_policies(state: Any, kind: str, old: str, new: str) -> None:
    _move(state, ("inline", kind, old), ("inline", kind, new))
    for key, raw in state.range(("attached", kind, old)):
        arn = key[3]
        state.delete(key)
        state.delete(("bearer", arn, kind, old))
        state.put(("attached", kind, new, arn), raw)
        state.put(("bearer", arn, kind, new), raw)


def _move_memberships(state: Any, kind: str, old: str, new: str) -> None:
    mine, theirs = ("membership", "member") if kind == "user" else ("member", "membership")
    for key, raw in state.range((mine, old)):
        other = key[2]
        state.delete(key)
        state.delete((theirs, other, old))
        state.put((mine, new, other), raw)
        state.put((theirs, other, new), raw)


def _move_keys(call: WriteCall, record: Identity, old: str, new: str) -> None:
    for key, _ in call.state.range(("key_of", old)):
        place = ("access_key", key[2])
        access_key = ACCESS_KEYS.decode(call.state.get(place))
        access_key.user, access_key.arn = record.name, record.arn(call.account)
        call.state.put(place, ACCESS_KEYS.encode(access_key))
    if new != old:
        _move(call.state, ("key_of", old), ("key_of", new))


def _move(state: Any, old: Key, new: Key) -> None:
    for key, raw in state.range(old):
        state.delete(key)
        state.put((*new, *key[len(old) :]), raw)
