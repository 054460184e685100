"""Timed work of this room; each runs as a write in the room's space."""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Timer
from pileus.services.sqs import fifo, moves, standard, store

EXPIRY_EVERY_MS = 10 * 60 * 1000
_EXPIRED_PER_STEP = 500


def expire_messages(call: WriteCall, payload: dict[str, Any]) -> None:
    """Remove messages past the queue's retention period; runs again by itself."""
    raw = call.state.get(("queue", payload["queue"]))
    if raw is None:
        return
    queue = store.QUEUES.decode(raw)
    horizon_ms = call.now_ms - queue.number("MessageRetentionPeriod") * 1000
    remove_sent_before = fifo.remove_sent_before if queue.is_fifo else standard.remove_sent_before
    removed = remove_sent_before(call, queue, horizon_ms, _EXPIRED_PER_STEP)
    pause_ms = 1000 if removed == _EXPIRED_PER_STEP else EXPIRY_EVERY_MS
    call.set_timer(
        Timer(
            name="expire_messages",
            key=queue.name,
            at_ms=call.now_ms + pause_ms,
            payload=payload,
        )
    )


def move_messages(call: WriteCall, payload: dict[str, Any]) -> None:
    """One step of a redrive."""
    moves.step(call, payload["source"], payload["task"])
