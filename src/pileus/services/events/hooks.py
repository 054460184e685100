"""Timed work of this room, and what follows a delivery that was given up."""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Delivery, Timer
from pileus.kernel.targets import call_for
from pileus.services.events import replays, schedules, store

_DAY_MS = 24 * 3600 * 1000
_EXPIRED_PER_STEP = 500


def fire_rule(call: WriteCall, payload: dict[str, Any]) -> None:
    """A scheduled rule is due."""
    schedules.fire(call, payload["bus"], payload["rule"], payload["due_ms"])


def replay_events(call: WriteCall, payload: dict[str, Any]) -> None:
    """The next step of a replay."""
    replays.step(call, payload["replay"])


def expire_archived(call: WriteCall, payload: dict[str, Any]) -> None:
    """Remove events that are older than their archive keeps them; runs again daily."""
    raw = call.state.get(("archive", payload["archive"]))
    if raw is None:
        return
    archive = store.ARCHIVES.decode(raw)
    if not archive.retention_days:
        return
    where = ("archived", archive.name)
    horizon = (call.now_ms - archive.retention_days * _DAY_MS) * 1000
    rows = call.state.range(where, stop=(*where, horizon), limit=_EXPIRED_PER_STEP)
    for key, text in rows:
        call.state.delete(key)
        archive.count -= 1
        archive.size_bytes -= len(text)
    store.put_archive(call.state, archive)
    pause_ms = 1000 if len(rows) == _EXPIRED_PER_STEP else _DAY_MS
    call.set_timer(
        Timer(
            name="expire_archived",
            key=archive.name,
            at_ms=call.now_ms + pause_ms,
            payload=payload,
        )
    )


def target_failed(call: WriteCall, payload: dict[str, Any]) -> None:
    """Put an event that could not be delivered into the target's dead-letter queue.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    if not payload["queue"]:
        return
    is_exhausted = payload["attempts"] >= payload["attempts_max"]
    facts = {
        "RULE_ARN": payload["rule"],
        "TARGET_ARN": payload["target"],
        "ERROR_CODE": payload["error_code"],
        "ERROR_MESSAGE": payload["error_message"],
        "RETRY_ATTEMPTS": str(payload["attempts"] - 1),
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts" if is_exhausted else "",
    }
    attributes = {
        name: {"DataType": "String", "StringValue": value} for name, value in facts.items() if value
    }
    service, operation, given = call_for(
        payload["queue"], payload["body"], MessageAttributes=attributes
    )
    call.emit(
        Delivery(
            service=service,
            operation=operation,
            input=given,
            principal="service:events.amazonaws.com",
        )
    )
