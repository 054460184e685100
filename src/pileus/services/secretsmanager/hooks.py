"""Timed work of this room; each runs as a write in the room's space."""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Delivery
from pileus.services.secretsmanager import rotation, store


def remove_secret(call: WriteCall, payload: dict[str, Any]) -> None:
    """The recovery window of a deleted secret has passed."""
    found = store.by_name(call.state, payload["name"])
    if found is not None and found.deleted_ms:
        store.remove(call, found.name)


def rotate_secret(call: WriteCall, payload: dict[str, Any]) -> None:
    """A rotation window opens; a rotation that never came to its end is taken up again."""
    found = store.by_name(call.state, payload["name"])
    if found is None or found.deleted_ms or found.rotation is None:
        return
    if not found.rotation.is_enabled or found.rotation.token:
        return
    unfinished = rotation.pending(call, found)
    _ask(call, store.arn_of(call, found), unfinished.id if unfinished else call.new_id())


def retry_rotation(call: WriteCall, payload: dict[str, Any]) -> None:
    """A rotation that failed a while ago is tried again."""
    found = store.by_name(call.state, payload["name"])
    if found is not None and found.rotation and found.rotation.token == payload["token"]:
        _ask(call, store.arn_of(call, found), payload["token"])


def _ask(call: WriteCall, arn: str, token: str) -> None:
    call.emit(
        Delivery(
            service="secretsmanager",
            operation="RotateSecret",
            input={"SecretId": arn, "ClientRequestToken": token},
            principal="service:secretsmanager.amazonaws.com",
        )
    )
