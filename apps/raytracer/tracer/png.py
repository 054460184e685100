"""PNG files of eight bits a channel, read and written. https://www.w3.org/TR/png-3/"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from tracer.reading import BadScene

_MAGIC = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
"""Samples a pixel by colour type: grey, RGB, grey with alpha, RGB with alpha."""
SIDE_MAX = 2048
"""Pixels, of a picture that is read."""


@dataclass(frozen=True)
class Image:
    """A picture: ``rgb`` holds height × width × 3 bytes, sRGB, row by row."""

    width: int
    height: int
    rgb: bytes


def write(image: Image) -> bytes:
    """A PNG file, the same for the same pixels."""
    stride = image.width * 3
    rows = (image.rgb[at : at + stride] for at in range(0, len(image.rgb), stride))
    lines = b"".join(b"\0" + row for row in rows)
    header = struct.pack(">IIBBBBB", image.width, image.height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(lines, 6)), (b"IEND", b"")]
    return _MAGIC + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def read(data: bytes, name: str) -> Image:
    """The pixels of a PNG file; transparency is dropped.

    Raises:
        BadScene: it is no PNG, broken, larger than SIDE_MAX, of a palette, of other than eight
            bits, or interlaced.
    """
    try:
        chunks = list(_chunks(data))
        width, height, depth, kind, _, _, interlace = struct.unpack(">IIBBBBB", chunks[0][1])
    except (struct.error, IndexError) as error:
        raise BadScene(f"{name}: is not a whole PNG file") from error
    if depth != 8 or kind not in _CHANNELS or interlace:
        raise BadScene(f"{name}: must have eight bits a channel, no palette, no interlacing")
    if not (0 < width <= SIDE_MAX and 0 < height <= SIDE_MAX):
        raise BadScene(f"{name}: is {width} × {height}, may be up to {SIDE_MAX} × {SIDE_MAX}")
    channels = _CHANNELS[kind]
    size = height * (width * channels + 1)
    unpack = zlib.decompressobj()
    try:
        lines = unpack.decompress(b"".join(body for name, body in chunks if name == b"IDAT"), size)
    except zlib.error as error:
        raise BadScene(f"{name}: its pixels are broken ({error})") from error
    if len(lines) != size:
        raise BadScene(f"{name}: its pixels are not all there")
    return Image(width, height, _to_rgb(_unfilter(lines, width * channels, channels, name), kind))


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    if not data.startswith(_MAGIC):
        raise struct.error("no PNG")
    found, at = [], len(_MAGIC)
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        (check,) = struct.unpack_from(">I", data, at + 8 + length)
        if check != zlib.crc32(kind + body):
            raise struct.error("broken")
        found.append((kind, body))
        at += 12 + length
    return found


def _unfilter(lines: bytes, stride: int, step: int, name: str) -> bytes:
    """Rows without their filters. ``step`` is the distance of the same channel to the left."""
    above, rows = bytearray(stride), []
    for at in range(0, len(lines), stride + 1):
        row = bytearray(lines[at + 1 : at + 1 + stride])
        match lines[at]:
            case 0:
                pass
            case 1:
                for here in range(step, stride):
                    row[here] = (row[here] + row[here - step]) & 255
            case 2:
                for here in range(stride):
                    row[here] = (row[here] + above[here]) & 255
            case 3:
                for here in range(stride):
                    left = row[here - step] if here >= step else 0
                    row[here] = (row[here] + (left + above[here]) // 2) & 255
            case 4:
                for here in range(stride):
                    left, corner = (
                        (row[here - step], above[here - step]) if here >= step else (0, 0)
                    )
                    row[here] = (row[here] + _paeth(left, above[here], corner)) & 255
            case other:
                raise BadScene(f"{name}: has a row with the unknown filter {other}")
        rows.append(row)
        above = row
    return b"".join(rows)


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    far = abs(guess - left), abs(guess - above), abs(guess - corner)
    if far[0] <= far[1] and far[0] <= far[2]:
        return left
    return above if far[1] <= far[2] else corner


def _to_rgb(samples: bytes, kind: int) -> bytes:
    if kind == 2:
        return samples
    step = _CHANNELS[kind]
    red = samples[0::step]
    green, blue = (samples[1::step], samples[2::step]) if kind == 6 else (red, red)
    rgb = bytearray(3 * len(red))
    rgb[0::3], rgb[1::3], rgb[2::3] = red, green, blue
    return bytes(rgb)
