"""Follows rays: what they meet, how it is lit, what it mirrors and lets through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracer import scene
from tracer.patterns import paint_of
from tracer.shapes import NEAREST, surface_of
from tracer.vectors import Keys, Numbers, Vectors, column, dot, fractions, mixed, normalised

_FAINT = 1 / 1024
"""A ray that adds no more than this to its pixel is not followed."""
_REFLECTED, _REFRACTED = 101, 102
"""Salts of the keys of a ray's children."""


@dataclass(frozen=True)
class Rays:
    """Rays of one depth, no two of one sample.

    Attributes:
        origins: and ``directions``, of length 1: (3, count).
        keys: what chance is made of.
        weights: share of the pixel's colour.
    """

    origins: Vectors
    directions: Vectors
    keys: Keys
    weights: Numbers

    def chosen(self, which: NDArray[np.intp]) -> Rays:
        """Some of them."""
        return Rays(
            self.origins[:, which],
            self.directions[:, which],
            self.keys[which],
            self.weights[which],
        )


@dataclass(frozen=True)
class _Met:
    """What rays met, each of the arrays with a column or an element a ray."""

    points: Vectors
    normals: Vectors
    """On the side that the ray comes from."""
    is_inside: NDArray[np.bool_]
    colours: Vectors
    mirror: Numbers
    glass: Numbers
    gloss: NDArray[np.int64]
    highlight: Numbers


class World:
    """A scene made ready for rays."""

    def __init__(self, described: scene.Scene) -> None:
        self._sky = described.sky
        self._horizon, self._zenith = column(described.sky.horizon), column(described.sky.zenith)
        self._lights = described.lights
        things = described.things
        self._surfaces = [surface_of(one.shape) for one in things]
        self._paints = [paint_of(one.material.pattern) for one in things]
        self._materials = [one.material for one in things]

    def follow(self, rays: Rays, bounces: int) -> Vectors:
        """The light that comes back along each ray, (3, count)."""
        distances, which, faces = self._nearest(rays)
        colours = self._sky_at(rays.directions)
        (hit,) = np.nonzero(which >= 0)
        if hit.size:
            arriving = rays.chosen(hit)
            met = self._look_at(arriving, distances[hit], which[hit], faces[hit])
            colours[:, hit] = self._shine(arriving, met, bounces)
        return colours

    def _nearest(self, rays: Rays) -> tuple[Numbers, NDArray[np.int32], NDArray[np.int32]]:
        count = rays.keys.size
        best = np.full(count, np.inf)
        which = np.full(count, -1, np.int32)
        faces = np.zeros(count, np.int32)
        for number, surface in enumerate(self._surfaces):
            found, where = surface.meet(rays.origins, rays.directions)
            is_nearer = found < best
            best = np.where(is_nearer, found, best)
            which[is_nearer] = number
            if where is not None:
                faces[is_nearer] = where[is_nearer]
        return best, which, faces

    def _sky_at(self, directions: Vectors) -> Vectors:
        height = np.maximum(directions[1], 0.0)
        return self._horizon + (self._zenith - self._horizon) * np.sqrt(height)

    def _look_at(
        self,
        rays: Rays,
        distances: Numbers,
        which: NDArray[np.int32],
        faces: NDArray[np.int32],
    ) -> _Met:
        points = rays.origins + rays.directions * distances
        normals, colours = np.empty_like(points), np.empty_like(points)
        for number in np.unique(which):
            (mine,) = np.nonzero(which == number)
            normals[:, mine] = self._surfaces[number].normals(points[:, mine], faces[mine])
            colours[:, mine] = self._paints[number].colours(points[:, mine])
        is_inside = dot(normals, rays.directions) > 0.0
        of_thing = self._materials
        return _Met(
            points,
            np.where(is_inside, -normals, normals),
            is_inside,
            colours,
            np.array([one.mirror for one in of_thing])[which],
            np.array([one.glass for one in of_thing])[which],
            np.array([one.gloss for one in of_thing])[which],
            np.array([one.highlight for one in of_thing])[which],
        )

    def _shine(self, rays: Rays, met: _Met, bounces: int) -> Vectors:
        facing = -dot(rays.directions, met.normals)
        is_glass = met.glass > 0.0
        ratio = np.where(met.is_inside, met.glass, 1.0 / np.where(is_glass, met.glass, 1.0))
        bent = 1.0 - ratio * ratio * (1.0 - facing * facing)
        straight = (1.0 - ratio) / (1.0 + ratio)
        least = np.where(is_glass, straight * straight, met.mirror)
        # Schlick's form of what is mirrored; in the thinner of two media the flatter angle counts.
        root = np.sqrt(np.maximum(bent, 0.0))
        slanted = 1.0 - np.where(met.is_inside & is_glass, root, facing)
        fifth = slanted * slanted * slanted * slanted * slanted
        mirrored = np.where(least > 0.0, least + (1.0 - least) * fifth, 0.0)
        mirrored = np.where(is_glass & (bent <= 0.0), 1.0, mirrored)

        colours = np.zeros_like(met.points)
        (opaque,) = np.nonzero(~is_glass & (mirrored < 1.0))
        if opaque.size:
            own = self._lit(rays, met, opaque)
            colours[:, opaque] = own * (1.0 - mirrored[opaque])
        reflected = rays.directions + met.normals * (2.0 * facing)
        colours += self._go_on(rays, met, reflected, mirrored, (_REFLECTED, bounces))
        through = np.where(is_glass, 1.0 - mirrored, 0.0)
        refracted = rays.directions * ratio + met.normals * (ratio * facing - root)
        tinted = self._go_on(rays, met, refracted, through, (_REFRACTED, bounces))
        colours += tinted * np.where(is_glass, met.colours, 1.0)
        # A highlight lies on glass as well.
        (glassy,) = np.nonzero(is_glass & ~met.is_inside & (met.highlight > 0.0))
        if glassy.size:
            colours[:, glassy] += self._lit(rays, met, glassy, is_glass=True)
        return colours

    def _go_on(
        self, rays: Rays, met: _Met, directions: Vectors, share: Numbers, step: tuple[int, int]
    ) -> Vectors:
        """What comes along the children that matter, times their share."""
        salt, bounces = step
        colours = np.zeros_like(directions)
        weights = rays.weights * share
        (going,) = np.nonzero(weights > _FAINT)
        if not going.size:
            return colours
        aims = normalised(directions[:, going])
        if bounces == 0:
            colours[:, going] = self._sky_at(aims) * share[going]
            return colours
        keys = mixed(rays.keys[going], salt)
        children = Rays(met.points[:, going], aims, keys, weights[going])
        colours[:, going] = self.follow(children, bounces - 1) * share[going]
        return colours

    def _lit(
        self, rays: Rays, met: _Met, which: NDArray[np.intp], *, is_glass: bool = False
    ) -> Vectors:
        """Light of the lamps and the sky on some of what was met; of glass the highlights only."""
        points, normals = met.points[:, which], met.normals[:, which]
        looking, keys = rays.directions[:, which], rays.keys[which]
        base, gloss, highlight = met.colours[:, which], met.gloss[which], met.highlight[which]
        colours = np.zeros_like(points)
        if not is_glass:
            up = 0.5 + 0.5 * normals[1]
            light = self._horizon * (1.0 - up) * 0.6 + self._zenith * up + up * 0.4
            colours += base * light * self._sky.ambient
        for number, lamp in enumerate(self._lights):
            aims = column(lamp.at) - points
            if lamp.size:
                shift = [fractions(keys, 3 * number + axis + 7) - 0.5 for axis in range(3)]
                aims += np.stack(shift) * lamp.size
            square = dot(aims, aims)
            distance = np.sqrt(square)
            aims /= distance
            facing = dot(aims, normals)
            (bright,) = np.nonzero(facing > 0.0)
            if not bright.size:
                continue
            aims, facing = aims[:, bright], facing[bright]
            arriving = column(lamp.colour) / square[bright]
            arriving = arriving * self._passing(points[:, bright], aims, distance[bright])
            half = normalised(aims - looking[:, bright])
            shine = _power(np.maximum(dot(half, normals[:, bright]), 0.0), gloss[bright])
            share = base[:, bright] * facing if not is_glass else 0.0
            colours[:, bright] += arriving * (share + highlight[bright] * shine)
        return colours

    def _passing(self, points: Vectors, aims: Vectors, distances: Numbers) -> Vectors:
        """The share of a lamp's light that comes through: glass colours it and takes a little."""
        passing = np.ones_like(points)
        for surface, material in zip(self._surfaces, self._materials, strict=True):
            found, _ = surface.meet(points, aims)
            is_between = found < distances - NEAREST
            if material.glass and isinstance(material.pattern, tuple):
                through = column(material.pattern) * 0.9
            else:
                through = column((0.0, 0.0, 0.0))
            passing = np.where(is_between, passing * through, passing)
        return passing


def _power(base: Numbers, twos: NDArray[np.int64]) -> Numbers:
    """``base`` to the power of 2 ** ``twos``, by squaring."""
    found = base
    for step in range(int(twos.max(initial=0))):
        found = np.where(step < twos, found * found, found)
    return found
