"""What colour a surface has at a point."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tracer import scene
from tracer.vectors import Vectors, column, dot

_ABOVE = 1e-6
"""Points of a plane that divides two cubes of a checker lie in the upper one, in spite of rounding."""


class Paint(Protocol):
    """A pattern made ready for many points."""

    def colours(self, points: Vectors) -> Vectors:
        """Linear colours, (3, count)."""


class _Plain:
    def __init__(self, colour: scene.Vector) -> None:
        self._colour = column(colour)

    def colours(self, points: Vectors) -> Vectors:
        return np.broadcast_to(self._colour, points.shape)


class _Checker:
    def __init__(self, pattern: scene.Checker) -> None:
        self._first, self._second = map(column, pattern.colours)
        self._size = pattern.size

    def colours(self, points: Vectors) -> Vectors:
        cubes = np.floor(points / self._size + _ABOVE)
        half = (cubes[0] + cubes[1] + cubes[2]) * 0.5
        return np.where(half == np.floor(half), self._first, self._second)


class _Texture:
    """Looked up between the four nearest pixels."""

    def __init__(self, pattern: scene.Texture) -> None:
        image = pattern.image
        srgb = np.frombuffer(image.rgb, np.uint8).reshape(image.height, image.width, 3)
        # The renderer's own curve backwards, see film.py: a picture of a texture looks like it.
        values = srgb.transpose(2, 0, 1) * (1.0 / 255.0)
        self._pixels = values * values
        self._at = column(pattern.at)
        self._axes = [_over_its_length(axis) for axis in (pattern.across, pattern.down)]

    def colours(self, points: Vectors) -> Vectors:
        apart = points - self._at
        _, height, width = self._pixels.shape
        left, right, u = _between(dot(apart, self._axes[0]), width)
        above, below, v = _between(dot(apart, self._axes[1]), height)
        upper = self._pixels[:, above, left] * (1.0 - u) + self._pixels[:, above, right] * u
        lower = self._pixels[:, below, left] * (1.0 - u) + self._pixels[:, below, right] * u
        return upper * (1.0 - v) + lower * v


def _over_its_length(axis: scene.Vector) -> Vectors:
    """What yields 1 at the end of ``axis``."""
    square = sum(part * part for part in axis)
    return column([part / square for part in axis])


def _between(
    where: NDArray[np.float64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The pixels before and behind, and how far from the first to the second."""
    place = (where - np.floor(where)) * count - 0.5
    first = np.floor(place)
    number = first.astype(np.int64)
    return number % count, (number + 1) % count, place - first


def paint_of(pattern: scene.Vector | scene.Checker | scene.Texture) -> Paint:
    """A pattern, made ready."""
    if isinstance(pattern, scene.Checker):
        return _Checker(pattern)
    if isinstance(pattern, scene.Texture):
        return _Texture(pattern)
    return _Plain(pattern)
