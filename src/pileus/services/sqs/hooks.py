"""Timed work of this room; each runs as a write in the room's space."""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Timer
from pileus.services.sqs import fifo, moves, standard, store
from pileus.services.sqs.model import Flight

EXPIRY_EVERY_MS = 10 * 60 * 1000
_EXPIRED_PER_STEP = 500


def expire_messages(call: WriteCall, payload: dict[str, Any]) -> None:
    """Remove messages past the queue's retention period; runs again by itself."""
    raw = call.state.get(("queue", payload["queue"]))
    if raw is None:
        return
    queue = store.QUEUES.decode(raw)
    # Sequences are at least the sending time in microseconds, so the oldest come first.
    horizon = (call.now_ms - queue.number("MessageRetentionPeriod") * 1000) * 1000
    rows = call.state.range(
        ("message", queue.name), stop=("message", queue.name, horizon), limit=_EXPIRED_PER_STEP
    )
    for key, message_raw in rows:
        sequence = int(key[2])
        message = store.MESSAGES.decode(message_raw)
        flight = store.flight(call.state, queue.name, sequence)
        if queue.is_fifo:
            assert flight is not None
            fifo.remove(call, queue, sequence, flight)
        else:
            standard.remove(call, queue, sequence, flight or Flight(message.visible_ms))
    pause_ms = 1000 if len(rows) == _EXPIRED_PER_STEP else EXPIRY_EVERY_MS
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
