"""Timed work of this room; each runs as a write in the room's space."""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Timer
from pileus.services.logs import store
from pileus.services.logs.events import CHUNK_SPAN_MS

EXPIRY_EVERY_MS = 60 * 60 * 1000
_EXPIRED_PER_STEP = 500


def schedule_expiry(call: WriteCall, group: str, pause_ms: int = EXPIRY_EVERY_MS) -> None:
    """Look for expired events of a group after a pause."""
    at_ms = call.now_ms + pause_ms
    call.set_timer(Timer(name="expire_events", key=group, at_ms=at_ms, payload={"group": group}))


def expire_events(call: WriteCall, payload: dict[str, Any]) -> None:
    """Remove chunks that lie before the group's retention period; runs again by itself."""
    raw = call.state.get(("group", payload["group"]))
    if raw is None:
        return
    group = store.GROUPS.decode(raw)
    if not group.retention_days:
        return
    horizon_ms = group.horizon_ms(call.now_ms) - CHUNK_SPAN_MS
    left = _EXPIRED_PER_STEP
    for key, _ in call.state.range(("stream", group.name)):
        prefix = ("chunk", group.name, key[2])
        rows = call.state.range(prefix, stop=(*prefix, horizon_ms), limit=left)
        for chunk_key, _ in rows:
            call.state.delete(chunk_key)
        left -= len(rows)
        if not left:
            break
    schedule_expiry(call, group.name, EXPIRY_EVERY_MS if left else 1000)
