"""A piece as the form that an engine which speaks HTTP gets: its bytes, and fields that say what they are.

Names of fields are those of Veritone's engine toolkit where it has such (``chunk``, ``chunkMimeType``,
``startOffsetMS``, ``endOffsetMS``, ``width``, ``height``; https://docs.veritone.com/#/developer/engines/toolkit/).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

from pileus.runtime import frame_ring

_WAVE = struct.Struct("<4sI4s4sIHHIIHH4sI")
_WAVE_FORMAT_BYTES, _PCM, _MONO, _SAMPLE_BYTES, _SAMPLE_BITS = 16, 1, 1, 2, 16
_RIFF_BEFORE_BYTES = 8
_BOUNDARY = "----pileus-piece"


class Form(NamedTuple):
    """The body of a request, and its content type."""

    body: bytes
    content_type: str


class Part(NamedTuple):
    """What is posted as ``chunk``, and the fields that describe it."""

    data: bytes
    file_name: str
    fields: dict[str, str]


def form_of(
    stream: str, chunk: dict[str, Any], slot: frame_ring.Slot | None, segment: bytes | None = None
) -> Form:
    """The form for a piece.

    Args:
        stream: the life of the source that it is of.
        chunk: as the platform tells it (``runtime/engine_client.py``).
        slot: where it lies in a ring; None for a piece that is data, or a segment.
        segment: the bytes of a recorded segment (Matroska).
    """
    part = part_of(chunk, slot, segment)
    fields = {
        "source": str(chunk["source"]),
        "stream": stream,
        "number": str(chunk["number"]),
        "startOffsetMS": str(chunk["start_ms"]),
        "endOffsetMS": str(chunk["stop_ms"]),
        **part.fields,
    }
    if slot is not None and "record" in chunk:
        fields["results"] = json.dumps(chunk["record"])
    return _multipart(fields, part)


def part_of(
    chunk: Mapping[str, Any], slot: frame_ring.Slot | None, segment: bytes | None = None
) -> Part:
    """What a piece holds; arguments as of :func:`form_of`."""
    if segment is not None:
        return Part(segment, "chunk.mkv", {"chunkMimeType": "video/x-matroska"})
    return _data(chunk) if slot is None else _media(slot)


def _data(chunk: Mapping[str, Any]) -> Part:
    data = json.dumps(chunk["record"]).encode()
    return Part(data, "chunk.json", {"chunkMimeType": "application/json"})


def _media(slot: frame_ring.Slot) -> Part:
    if slot.kind == frame_ring.S16LE:
        told = {"chunkMimeType": "audio/wav", "sampleRate": str(slot.width)}
        return Part(_wave(slot), "chunk.wav", told)
    size = {"width": str(slot.width), "height": str(slot.height)}
    if slot.kind == frame_ring.JPEG:
        return Part(bytes(slot.data), "chunk.jpg", {"chunkMimeType": "image/jpeg", **size})
    told = {"chunkMimeType": "application/octet-stream", "pixelFormat": "rgb24", **size}
    return Part(bytes(slot.data), "chunk.rgb", told)


def _wave(slot: frame_ring.Slot) -> bytes:
    """A WAV file of 16-bit mono sound (RIFF, format 1)."""
    size, rate = slot.data.nbytes, slot.width
    head = _WAVE.pack(
        b"RIFF", _WAVE.size - _RIFF_BEFORE_BYTES + size, b"WAVE",
        b"fmt ", _WAVE_FORMAT_BYTES, _PCM, _MONO, rate, rate * _SAMPLE_BYTES, _SAMPLE_BYTES, _SAMPLE_BITS,
        b"data", size,
    )  # fmt: skip
    return head + bytes(slot.data)


def _multipart(fields: dict[str, str], part: Part) -> Form:
    """``multipart/form-data`` (RFC 7578), with a boundary that occurs in none of it."""
    boundary = _BOUNDARY
    while boundary.encode() in part.data or any(boundary in each for each in fields.values()):
        boundary += "x"
    pieces = []
    for name, value in fields.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        pieces.append(f"{head}{value}\r\n".encode())
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="chunk"; filename="{part.file_name}"\r\n'
        f"Content-Type: {part.fields['chunkMimeType']}\r\n\r\n"
    )
    body = b"".join([*pieces, head.encode(), part.data, f"\r\n--{boundary}--\r\n".encode()])
    return Form(body, f"multipart/form-data; boundary={boundary}")
