"""Ids and chance. Nothing else in the house may draw random numbers."""

from __future__ import annotations

from typing import Protocol


class Chance(Protocol):
    """Random bytes: unpredictable in production, a seeded sequence in tests."""

    def random_bytes(self, size: int) -> bytes:
        """``size`` random bytes."""
        ...
