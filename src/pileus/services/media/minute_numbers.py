"""Numbers that come together in a minute, before they are handed over."""

from __future__ import annotations

from pileus.kernel.distribution import Distribution
from pileus.kernel.measures import Dimensions, Tally

COUNT, MS = "Count", "Milliseconds"


class Numbers:
    """What is to be told of this minute, by dimensions."""

    def __init__(self) -> None:
        self._told: dict[Dimensions, Tally] = {}

    def add(self, dimensions: Dimensions, name: str, value: float, unit: str = COUNT) -> None:
        """Keep one number."""
        tally = self._told.setdefault(dimensions, {})
        tally.setdefault((name, unit), Distribution()).add(value)

    def take(self) -> dict[Dimensions, Tally]:
        """What came together; it begins anew."""
        told, self._told = self._told, {}
        return told
