"""Looking into H.264 byte streams without decoding them (ITU-T H.264, annex B and 7.4.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator

IDR, SPS, PPS = 5, 7, 8

_START = re.compile(rb"\x00\x00\x01")


def nal_units(data: bytes) -> Iterator[bytes]:
    """The network abstraction layer units of an Annex-B stream, without their start codes."""
    starts = [match.end() for match in _START.finditer(data)]
    ends = [start - 3 for start in starts[1:]] + [len(data)]
    for start, end in zip(starts, ends, strict=False):
        yield data[start:end].rstrip(b"\0")


def has_idr(data: bytes) -> bool:
    """True when decoding can begin at this access unit."""
    return any(unit and unit[0] & 0x1F == IDR for unit in nal_units(data))


def codec_string(data: bytes) -> str | None:
    """``avc1.PPCCLL`` of the first sequence parameter set (RFC 6381, 3.3), None without one."""
    for unit in nal_units(data):
        if len(unit) >= 4 and unit[0] & 0x1F == SPS:
            return f"avc1.{unit[1:4].hex()}"
    return None
