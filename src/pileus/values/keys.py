"""Tuples as bytes that sort as the tuples do.

The encoding follows FoundationDB's tuple layer in idea: a type byte, then the value in an
order-preserving form. Strings and bytes end in a zero byte with inner zeros escaped; integers are
signed 64-bit, big-endian, offset so that negative numbers sort first.
"""

from __future__ import annotations

import struct

Part = str | int | bytes
Key = tuple[Part, ...]

_BYTES = 1
_STR = 2
_INT = 3
_PACK_INT = struct.Struct(">BQ").pack
_OFFSET = 1 << 63


_known: dict[str, bytes] = {}
_KNOWN_MAX = 4096
_KNOWN_CHARACTERS_MAX = 128


def encode_key(key: Key) -> bytes:
    """Encode a tuple of ``str``, ``int`` (signed 64-bit) and ``bytes``; order is preserved.

    Raises:
        TypeError: for a part of another type.
    """
    out = b""
    for part in key:
        if type(part) is str:
            # The same few names begin nearly every key.
            out += _known.get(part) or _encoded_text(part)
        elif type(part) is int:
            out += _PACK_INT(_INT, part + _OFFSET)
        elif type(part) is bytes:
            out += b"\1" + part.replace(b"\0", b"\0\xff") + b"\0"
        else:
            raise TypeError(f"a key part must be str, int or bytes, not {type(part).__name__}")
    return out


def _encoded_text(part: str) -> bytes:
    raw = part.encode()
    if b"\0" in raw:
        raw = raw.replace(b"\0", b"\0\xff")
    encoded = b"\2" + raw + b"\0"
    if len(part) <= _KNOWN_CHARACTERS_MAX:
        if len(_known) >= _KNOWN_MAX:
            _known.clear()
        _known[part] = encoded
    return encoded


def decode_key(raw: bytes) -> Key:
    """The inverse of :func:`encode_key`."""
    parts: list[Part] = []
    at, end = 0, len(raw)
    while at < end:
        kind = raw[at]
        if kind == _INT:
            parts.append(int.from_bytes(raw[at + 1 : at + 9], "big") - _OFFSET)
            at += 9
            continue
        stop = raw.index(b"\0", at + 1)
        while stop + 1 < end and raw[stop + 1] == 0xFF:
            stop = raw.index(b"\0", stop + 2)
        piece = raw[at + 1 : stop].replace(b"\0\xff", b"\0")
        parts.append(piece.decode() if kind == _STR else piece)
        at = stop + 1
    return tuple(parts)


def prefix_stop(raw: bytes) -> bytes:
    """The first encoded key after every key that begins with ``raw``."""
    return raw + b"\xff"
