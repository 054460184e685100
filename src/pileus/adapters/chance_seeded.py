"""Chance that repeats: the same seed gives the same bytes in the same order. For tests only."""

from __future__ import annotations

import random


class SeededChance:
    """A reproducible sequence; never for secrets."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)

    def random_bytes(self, size: int) -> bytes:
        return self._random.randbytes(size)
