"""Pixels of a scene: rays through each, their mean, and bytes of it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tracer.light import Rays, World
from tracer.png import Image
from tracer.scene import Camera, Scene
from tracer.tiles import Tile
from tracer.vectors import Keys, Vectors, column, cross, fractions, mixed, normalised, unit

_BAND_PIXELS = 16384
"""So many at once: what belongs to them stays in the processor's caches."""


def render(scene: Scene) -> Image:
    """The whole picture, in this process."""
    picture = scene.picture
    whole = Tile(0, 0, picture.width, picture.height)
    return Image(picture.width, picture.height, Film(scene).pixels(whole))


class Film:
    """A scene made ready to be looked at."""

    def __init__(self, scene: Scene) -> None:
        self._picture = scene.picture
        self._world = World(scene)
        self._at = column(scene.camera.at)
        self._axes = _axes(scene.camera, scene.picture.height)

    def pixels(self, tile: Tile) -> bytes:
        """RGB, a byte each, row by row; the same for a pixel in whatever tile it lies."""
        rows = max(1, _BAND_PIXELS // tile.width)
        bands = [
            Tile(tile.left, top, tile.width, min(rows, tile.top + tile.height - top))
            for top in range(tile.top, tile.top + tile.height, rows)
        ]
        return b"".join(map(self._band, bands))

    def _band(self, band: Tile) -> bytes:
        y, x = np.mgrid[band.top : band.top + band.height, band.left : band.left + band.width]
        x, y = x.ravel(), y.ravel()
        side = self._picture.samples
        total = np.zeros((3, x.size))
        for sample in range(side * side):
            total += self._sample(x, y, sample)
        return _bytes(total / (side * side))

    def _sample(self, x: NDArray[np.int64], y: NDArray[np.int64], sample: int) -> Vectors:
        """One ray through each pixel, somewhere in the sample's part of it."""
        side = self._picture.samples
        keys = self._keys(x, y, sample)
        right, down = sample % side, sample // side
        across = (x + (right + fractions(keys, 1)) / side) - self._picture.width * 0.5
        upwards = self._picture.height * 0.5 - (y + (down + fractions(keys, 2)) / side)
        forward, to_right, to_top = self._axes
        directions = normalised(forward + to_right * across + to_top * upwards)
        origins = np.broadcast_to(self._at, directions.shape)
        rays = Rays(origins, directions, keys, np.ones(x.size))
        return self._world.follow(rays, self._picture.bounces)

    def _keys(self, x: NDArray[np.int64], y: NDArray[np.int64], sample: int) -> Keys:
        keys = mixed(x.astype(np.uint32), self._picture.seed)
        keys = mixed(keys + y.astype(np.uint32), 11)
        return mixed(keys + np.uint32(sample), 13)


def _axes(camera: Camera, height: int) -> tuple[Vectors, Vectors, Vectors]:
    """Ahead, and one pixel to the right and to the top, on a screen at a distance of 1."""
    forward = unit([end - start for start, end in zip(camera.at, camera.look_at, strict=True)])
    right = unit(cross(forward, camera.up))
    top = cross(right, forward)
    pixel = 2 * math.tan(math.radians(camera.field_of_view) / 2) / height
    return column(forward), column(right) * pixel, column(top) * pixel


def _bytes(light: Vectors) -> bytes:
    """Bright light bends towards white; the square root stands for the screen's curve."""
    bent = light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14)
    values = np.sqrt(np.minimum(np.maximum(bent, 0.0), 1.0))
    return (values * 255.0 + 0.5).astype(np.uint8).T.tobytes()
