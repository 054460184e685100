"""Timed work of this room; each runs as a write in the room's space."""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.services.ssm import store


def expire_parameter(call: WriteCall, payload: dict[str, Any]) -> None:
    """The moment of an Expiration policy has come."""
    store.remove(call.state, payload["name"])
