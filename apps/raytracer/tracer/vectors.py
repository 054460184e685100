"""Many vectors at once: arrays of shape (3, count), float64; and numbers that look like chance."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float64]
Numbers = NDArray[np.float64]
Keys = NDArray[np.uint32]


def column(vector: Sequence[float]) -> Vectors:
    """One vector, of shape (3, 1), to be used with many."""
    return np.array(vector, dtype=np.float64).reshape(3, 1)


def dot(a: Vectors, b: Vectors) -> Numbers:
    """Scalar products, summed in one order whatever the arrays' layout."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def normalised(a: Vectors) -> Vectors:
    """The same directions with a length of 1."""
    return a / np.sqrt(dot(a, a))


def unit(vector: Sequence[float]) -> tuple[float, float, float]:
    """One vector with a length of 1."""
    x, y, z = vector
    length = math.sqrt(x * x + y * y + z * z)
    return x / length, y / length, z / length


def cross(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float]:
    """The vector product of two vectors."""
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )


def mixed(keys: Keys, salt: int) -> Keys:
    """Keys made from keys, unlike them and unlike those of another salt."""
    found = keys ^ np.uint32((salt * 0x9E3779B9 + 0x7F4A7C15) & 0xFFFFFFFF)
    found ^= found >> np.uint32(16)
    found *= np.uint32(0x7FEB352D)
    found ^= found >> np.uint32(15)
    found *= np.uint32(0x846CA68B)
    found ^= found >> np.uint32(16)
    return found


def fractions(keys: Keys, salt: int) -> Numbers:
    """A number from 0 to below 1 for each key: the same key, the same number."""
    return mixed(keys, salt) * (1.0 / 4294967296.0)
