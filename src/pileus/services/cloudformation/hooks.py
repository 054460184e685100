"""Timed work of this room; each runs as a write in the room's space."""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.services.cloudformation import store
from pileus.services.cloudformation.engine.failing import cancel_others


def forget_stack(call: WriteCall, payload: dict[str, Any]) -> None:
    """A stack was deleted 90 days ago."""
    store.forget_stack(call.state, payload["uuid"])


def time_out(call: WriteCall, payload: dict[str, Any]) -> None:
    """A stack was to be created within TimeoutInMinutes."""
    uuid = payload["uuid"]
    operation = store.operation(call.state, uuid)
    if operation is None or operation.id != payload["operation"] or operation.is_failing:
        return
    if operation.phase == "apply":
        operation.reason = "Stack creation time exceeded the specified timeout."
        cancel_others(call, store.stack(call.state, uuid), operation)
