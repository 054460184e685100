"""Streams of events as bytes: ``application/vnd.amazon.eventstream``.

https://smithy.io/2.0/aws/amazon-eventstream.html
A message is its length, the length of its headers, a checksum of these two, the headers, the payload
and a checksum of everything before. All numbers are big-endian, both checksums CRC-32.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from pileus.protocols import json_values
from pileus.shapes.model import Member, Shape
from pileus.values.body import Body, StreamBody

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_LENGTHS = struct.Struct(">II")
_CHECKSUM = struct.Struct(">I")
_STRING = 7
_OVERHEAD_BYTES = 16
_CONTENT_TYPES = {"blob": "application/octet-stream", "string": "text/plain"}
"""Of an event whose one member is its payload."""


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
    shape: Shape, initial: Mapping[str, Any] | None, events: AsyncIterator[Mapping[str, Any]]
) -> Body:
    """The body of an answer, in the manner of AWS's JSON protocols.

    Args:
        shape: of the event stream: what each type of event holds.
        initial: the output's other members, sent as the ``initial-response`` that RPC clients wait
            for; None for REST, whose headers tell them.
        events: ``{type: members}``, one type each; an error's type ends the stream.
    """
    return StreamBody(_messages(shape, initial, events))


async def _messages(
    shape: Shape, initial: Mapping[str, Any] | None, events: AsyncIterator[Mapping[str, Any]]
) -> AsyncIterator[bytes]:
    if initial is not None:
        yield message(_headers("event", "initial-response"), json_values.dumps(dict(initial)))
    writers = {name: _writer(member) for name, member in shape.members.items()}
    try:
        async for event in events:
            ((name, members),) = event.items()
            yield writers[name](members)
    finally:
        # The client may be gone: whoever made the events hears of it.
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()


def _headers(kind: str, name: str, content_type: str = "application/json") -> dict[str, str]:
    return {":message-type": kind, f":{kind}-type": name, ":content-type": content_type}


def _writer(event: Member) -> Callable[[Mapping[str, Any]], bytes]:
    """One type of event → its message.

    https://smithy.io/2.0/spec/streaming.html#event-message-serialization
    """
    kind = "exception" if event.shape.is_error else "event"
    members = event.shape.members
    in_headers = [name for name, member in members.items() if member.is_event_header]
    payload = next((member for member in members.values() if member.is_event_payload), None)
    content_type = _CONTENT_TYPES.get(payload.shape.kind if payload else "", "application/json")
    convert = json_values.member_encoder(payload or event)

    def write(given: Mapping[str, Any]) -> bytes:
        headers = _headers(kind, event.name, content_type)
        headers.update({name: str(given[name]) for name in in_headers if name in given})
        if payload is None:
            value: Any = {name: each for name, each in given.items() if name not in in_headers}
        else:
            value = given.get(payload.name)
            if payload.shape.kind == "blob":
                return message(headers, value or b"")
            if payload.shape.kind == "string":
                return message(headers, (value or "").encode())
        return message(headers, json_values.dumps(value if convert is None else convert(value)))

    return write
