"""Where rays meet spheres, planes and triangles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tracer import scene
from tracer.vectors import Numbers, Vectors, column, cross, dot, unit

NEAREST = 1e-5
"""A ray does not meet what is nearer: it is where the ray comes from."""
Faces = NDArray[np.int32]


class Surface(Protocol):
    """A shape made ready for many rays."""

    def meet(self, origins: Vectors, directions: Vectors) -> tuple[Numbers, Faces | None]:
        """How far along each ray the surface is first met (infinity: never), and on which face."""

    def normals(self, points: Vectors, faces: Faces | None) -> Vectors:
        """Directions out of the surface, of length 1, at points on it."""


class SphereSurface:
    """All points at a distance from one."""

    def __init__(self, shape: scene.Sphere) -> None:
        self._at = column(shape.at)
        self._radius = shape.radius

    def meet(self, origins: Vectors, directions: Vectors) -> tuple[Numbers, None]:
        """The nearer of the two roots that lies ahead."""
        apart = origins - self._at
        half = dot(apart, directions)
        rest = half * half - (dot(apart, apart) - self._radius * self._radius)
        root = np.sqrt(np.maximum(rest, 0.0))
        near, far = -half - root, root - half
        found = np.where(near > NEAREST, near, far)
        return np.where((rest > 0.0) & (found > NEAREST), found, np.inf), None

    def normals(self, points: Vectors, faces: Faces | None) -> Vectors:
        """Away from the middle."""
        return (points - self._at) / self._radius


class PlaneSurface:
    """A plane, or a disc of it."""

    def __init__(self, shape: scene.Plane) -> None:
        self._at = column(shape.at)
        self._normal = column(unit(shape.normal))
        self._radius = shape.radius

    def meet(self, origins: Vectors, directions: Vectors) -> tuple[Numbers, None]:
        """One division; rays within the plane never meet it."""
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = dot(self._at - origins, self._normal) / dot(directions, self._normal)
            is_met = distance > NEAREST
            if self._radius:
                apart = origins + directions * distance - self._at
                is_met &= dot(apart, apart) <= self._radius * self._radius
        return np.where(is_met, distance, np.inf), None

    def normals(self, points: Vectors, faces: Faces | None) -> Vectors:
        """The same everywhere."""
        return np.broadcast_to(self._normal, points.shape)


@dataclass(frozen=True)
class _Triangle:
    """A corner, and the edges from it to the second and the third."""

    corner: Vectors
    second: Vectors
    third: Vectors


class MeshSurface:
    """Triangles, with a box about them that most rays miss."""

    def __init__(self, shape: scene.Mesh) -> None:
        points = [column(point) for point in shape.points]
        self._triangles = [
            _Triangle(points[a], points[b] - points[a], points[c] - points[a])
            for a, b, c in shape.faces
        ]
        normals = []
        for one in self._triangles:
            x, y, z = cross(one.second[:, 0].tolist(), one.third[:, 0].tolist())
            # A triangle without an area is met by no ray; its normal is never asked for.
            length = math.sqrt(x * x + y * y + z * z) or 1.0
            normals.append((x / length, y / length, z / length))
        self._normals = np.array(normals).T
        used = np.hstack([points[at] for face in shape.faces for at in face])
        self._low = column(used.min(axis=1)) - NEAREST
        self._high = column(used.max(axis=1)) + NEAREST

    def meet(self, origins: Vectors, directions: Vectors) -> tuple[Numbers, Faces]:
        """The nearest of all triangles that are met."""
        count = origins.shape[1]
        distances = np.full(count, np.inf)
        faces = np.zeros(count, np.int32)
        (chosen,) = np.nonzero(self._may_meet(origins, directions))
        if chosen.size:
            origins, directions = origins[:, chosen], directions[:, chosen]
            best, where = distances[chosen], faces[chosen]
            for number, triangle in enumerate(self._triangles):
                found = _meet_triangle(triangle, origins, directions)
                is_nearer = found < best
                best = np.where(is_nearer, found, best)
                where[is_nearer] = number
            distances[chosen], faces[chosen] = best, where
        return distances, faces

    def _may_meet(self, origins: Vectors, directions: Vectors) -> NDArray[np.bool_]:
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = 1.0 / directions
            one, other = (self._low - origins) * inverse, (self._high - origins) * inverse
        # A ray along a side of the box yields 0 × infinity; fmin and fmax pass over what is no number.
        near, far = np.fmin(one, other), np.fmax(one, other)
        enters = np.fmax(np.fmax(near[0], near[1]), near[2])
        leaves = np.fmin(np.fmin(far[0], far[1]), far[2])
        return (leaves >= enters) & (leaves > 0.0)

    def normals(self, points: Vectors, faces: Faces | None) -> Vectors:
        """Flat: each face its own."""
        return self._normals[:, faces]


def _cross(a: Vectors, b: Vectors) -> Vectors:
    return np.stack(
        (
            a[1] * b[2] - a[2] * b[1],
            a[2] * b[0] - a[0] * b[2],
            a[0] * b[1] - a[1] * b[0],
        )
    )


def _meet_triangle(triangle: _Triangle, origins: Vectors, directions: Vectors) -> Numbers:
    """Distance and the two edge coordinates as one system of three equations, by Cramer's rule."""
    with np.errstate(divide="ignore", invalid="ignore"):
        across = _cross(directions, triangle.third)
        inverse = 1.0 / dot(triangle.second, across)
        apart = origins - triangle.corner
        u = dot(apart, across) * inverse
        turned = _cross(apart, triangle.second)
        v = dot(directions, turned) * inverse
        distance = dot(triangle.third, turned) * inverse
        is_inside = (u >= 0.0) & (v >= 0.0) & (u + v <= 1.0) & (distance > NEAREST)
    return np.where(is_inside, distance, np.inf)


def surface_of(shape: scene.Sphere | scene.Plane | scene.Mesh) -> Surface:
    """A shape, made ready."""
    if isinstance(shape, scene.Sphere):
        return SphereSurface(shape)
    if isinstance(shape, scene.Plane):
        return PlaneSurface(shape)
    return MeshSurface(shape)
