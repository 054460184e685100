"""Looking into H.264 byte streams without decoding them (ITU-T H.264, annex B and 7.4.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator

IDR, SPS, PPS = 5, 7, 8

_CODE = b"\x00\x00\x00\x01"
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


class ByteStream:
    """Access units with start codes, whatever the container stores (ISO/IEC 14496-15, 5.2.4.1 and 5.3.3).

    Args:
        extradata: the container's: ``avcC``, parameter sets with start codes, or empty.
    """

    def __init__(self, extradata: bytes) -> None:
        self._length_bytes = 0
        self._sets = extradata
        if extradata[:1] == b"\x01" and len(extradata) > 6:
            self._length_bytes = (extradata[4] & 3) + 1
            self._sets = b"".join(_CODE + each for each in _parameter_sets(extradata))

    def unit(self, packet: bytes) -> bytes:
        """A packet as an access unit; a keyframe gets its parameter sets where it has none."""
        data = packet
        if self._length_bytes:
            data = b"".join(_CODE + each for each in self._nal_units(packet))
        if has_idr(data) and codec_string(data) is None:
            data = self._sets + data
        return data

    def _nal_units(self, packet: bytes) -> Iterator[bytes]:
        at = 0
        while at + self._length_bytes <= len(packet):
            start = at + self._length_bytes
            at = start + int.from_bytes(packet[at:start], "big")
            yield packet[start:at]


def _parameter_sets(avcc: bytes) -> Iterator[bytes]:
    """Sequence and picture parameter sets of an ``avcC``; a damaged one gives fewer."""
    at = 5
    for mask in (0x1F, 0xFF):
        count = avcc[at] & mask if at < len(avcc) else 0
        at += 1
        for _ in range(count):
            start = at + 2
            at = start + int.from_bytes(avcc[at:start], "big")
            yield avcc[start:at]
