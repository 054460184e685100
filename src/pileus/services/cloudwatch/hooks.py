"""Timed work of this room; each runs as a write in the room's space."""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.services.cloudwatch import alarm_states, retention


def sweep_points(call: WriteCall, payload: dict[str, Any]) -> None:
    """Bring old points to the next resolution."""
    retention.sweep(call, payload)


def evaluate_alarms(call: WriteCall, payload: dict[str, Any]) -> None:
    """A period has ended: judge the alarms of its length."""
    alarm_states.evaluate_all(call, payload["s"])
