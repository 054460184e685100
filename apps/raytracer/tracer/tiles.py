"""A picture's division into tiles, and its assembly from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tracer.png import Image
from tracer.scene import Picture


@dataclass(frozen=True)
class Tile:
    """A rectangle of pixels; ``left`` and ``top`` are its first ones."""

    left: int
    top: int
    width: int
    height: int

    @property
    def rgb_bytes(self) -> int:
        """Of its pixels: three bytes each, row by row."""
        return self.width * self.height * 3


def tiles(picture: Picture) -> list[Tile]:
    """All tiles, row by row; a tile's number is its place here."""
    side = picture.tile
    return [
        Tile(left, top, min(side, picture.width - left), min(side, picture.height - top))
        for top in range(0, picture.height, side)
        for left in range(0, picture.width, side)
    ]


def assemble(picture: Picture, pixels_of: Callable[[int], bytes]) -> Image:
    """The picture from its tiles' pixels.

    Args:
        pixels_of: by number of tile; asked once each.

    Raises:
        ValueError: a tile has not the size it should have.
    """
    stride = picture.width * 3
    rgb = bytearray(stride * picture.height)
    for number, tile in enumerate(tiles(picture)):
        pixels = pixels_of(number)
        if len(pixels) != tile.rgb_bytes:
            raise ValueError(f"tile {number} has {len(pixels)} bytes, not {tile.rgb_bytes}")
        row_bytes = tile.width * 3
        for row in range(tile.height):
            start = (tile.top + row) * stride + tile.left * 3
            rgb[start : start + row_bytes] = pixels[row * row_bytes : (row + 1) * row_bytes]
    return Image(picture.width, picture.height, bytes(rgb))
