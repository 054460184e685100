"""Streams of events as bytes: ``application/vnd.amazon.eventstream``.

https://smithy.io/2.0/aws/amazon-eventstream.html
A message is its length, the length of its headers, a checksum of these two, the headers, the payload
and a checksum of everything before. All numbers are big-endian, both checksums CRC-32.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from pileus.protocols import json_values
from pileus.shapes.model import Shape
from pileus.values.body import Body, StreamBody

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_LENGTHS = struct.Struct(">II")
_CHECKSUM = struct.Struct(">I")
_STRING = 7
_OVERHEAD_BYTES = 16


def message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message; header values are text, which is all that AWS's services use."""
    packed = b"".join(_header(name, value) for name, value in headers.items())
    lengths = _LENGTHS.pack(_OVERHEAD_BYTES + len(packed) + len(payload), len(packed))
    prelude = lengths + _CHECKSUM.pack(zlib.crc32(lengths))
    checksum = zlib.crc32(payload, zlib.crc32(packed, zlib.crc32(prelude)))
    return b"".join((prelude, packed, payload, _CHECKSUM.pack(checksum)))


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return struct.pack(">B", len(key)) + key + struct.pack(">BH", _STRING, len(text)) + text


def encoded(
    shape: Shape, initial: Mapping[str, Any], events: AsyncIterator[Mapping[str, Any]]
) -> Body:
    """The body of an answer: the ``initial-response`` that RPC clients wait for, then the events.

    Args:
        shape: of the event stream: what each type of event holds.
        initial: the output's other members.
        events: ``{type: members}``, one type each; an error's type ends the stream.
    """
    return StreamBody(_messages(shape, initial, events))


async def _messages(
    shape: Shape, initial: Mapping[str, Any], events: AsyncIterator[Mapping[str, Any]]
) -> AsyncIterator[bytes]:
    yield _event("event", "initial-response", json_values.dumps(dict(initial)))
    converts = {name: json_values.member_encoder(member) for name, member in shape.members.items()}
    try:
        async for event in events:
            ((name, members),) = event.items()
            convert = converts[name]
            document = members if convert is None else convert(members)
            kind = "exception" if shape.members[name].shape.is_error else "event"
            yield _event(kind, name, json_values.dumps(document))
    finally:
        # The client may be gone: whoever made the events hears of it.
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()


def _event(kind: str, name: str, payload: bytes) -> bytes:
    headers = {
        ":message-type": kind,
        f":{kind}-type": name,
        ":content-type": "application/json",
    }
    return message(headers, payload)
