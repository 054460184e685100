"""What a transaction asks to happen elsewhere, later, at least once."""

from __future__ import annotations

from typing import Any

import msgspec

RETRY_AGE_S = 24 * 3600


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """A function of a room's ``hooks`` module, run as a write in the room's space."""

    service: str
    name: str
    payload: dict[str, Any] = {}


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A call through the door, made after the commit until it succeeds or is given up.

    Attributes:
        service, operation, input: the call, in wire names; blobs as bytes, no body.
        principal: the identity to act under (``service:s3.amazonaws.com`` or a role's ARN).
        ordering_key: deliveries of one space with the same key run in order, one at a time.
        attempts_max: tries before it is given up.
        age_max_s: seconds after which it is given up.
        on_failure: a hook told ``{"delivery_id", "error_code", "error_message", "attempts",
            **payload}`` when it is given up.
        account, region: where to call; empty for the emitting space's own.
        facts: what the emitting room's ``measures.py`` knows it by; nobody else reads them.
    """

    service: str
    operation: str
    input: dict[str, Any]
    principal: str
    ordering_key: str | None = None
    attempts_max: int = 185
    age_max_s: int = RETRY_AGE_S
    on_failure: Hook | None = None
    account: str = ""
    region: str = ""
    facts: dict[str, str] = {}


class OutboxEntry(msgspec.Struct, kw_only=True):
    """A delivery as it stands in the outbox."""

    id: str
    delivery: Delivery
    first_ms: int
    attempts: int = 0
    not_before_ms: int = 0


class Timer(msgspec.Struct, frozen=True, kw_only=True):
    """A hook of the emitting room to run at ``at_ms``; ``(name, key)`` is unique in a space."""

    name: str
    key: str
    at_ms: int
    payload: dict[str, Any] = {}


encode_entry = msgspec.msgpack.Encoder().encode
decode_entry = msgspec.msgpack.Decoder(OutboxEntry).decode
encode_timer = msgspec.msgpack.Encoder().encode
decode_timer = msgspec.msgpack.Decoder(Timer).decode
