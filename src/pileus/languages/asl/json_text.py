"""JSON as executions carry it: compact, in the order of its keys, integers of any length."""

from __future__ import annotations

from typing import Any

import msgspec

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def decode(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: when it is none, or nests too deeply.
    """
    try:
        return _decode(text)
    except RecursionError:
        raise ValueError("JSON that nests too deeply") from None


def encode(value: Any) -> str:
    """A value as compact JSON."""
    return _encode(value).decode()


def size_bytes(text: str) -> int:
    """What a text counts towards the limits of payloads."""
    return len(text) if text.isascii() else len(text.encode())
