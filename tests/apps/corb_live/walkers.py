"""People who walk as they are told, and a detector that errs as the real one does: the truth is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WIDTH, HEIGHT = 0.05, 0.2


@dataclass(frozen=True)
class Walker:
    """Walks straight from ``start`` at ``from_ms`` to ``stop`` at ``to_ms``; points are centres."""

    name: str
    start: tuple[float, float]
    stop: tuple[float, float]
    from_ms: int
    to_ms: int

    def at(self, at_ms: int) -> tuple[float, float] | None:
        """Where it is; None while it is not there."""
        if not self.from_ms <= at_ms <= self.to_ms:
            return None
        share = (at_ms - self.from_ms) / (self.to_ms - self.from_ms)
        x = self.start[0] + (self.stop[0] - self.start[0]) * share
        y = self.start[1] + (self.stop[1] - self.start[1]) * share
        return x, y


@dataclass
class Detector:
    """Finds walkers with so much jitter (in heights), missing a share of them, inventing others."""

    seed: int
    jitter: float = 0.04
    missed: float = 0.15
    invented: float = 0.03

    def __post_init__(self) -> None:
        self._chance = np.random.default_rng(self.seed)

    def look(self, walkers: list[Walker], at_ms: int) -> list[tuple[float, float, float, float]]:
        """Boxes of a picture, in any order."""
        chance = self._chance
        points = [point for each in walkers if (point := each.at(at_ms)) is not None]
        seen = [point for point in points if chance.random() >= self.missed]
        seen += [tuple(chance.random(2))] if chance.random() < self.invented else []
        boxes = []
        for x, y in seen:
            x, y = (
                x + chance.normal(0, self.jitter * HEIGHT),
                y + chance.normal(0, self.jitter * HEIGHT),
            )
            wide, high = (size * chance.uniform(0.9, 1.1) / 2 for size in (WIDTH, HEIGHT))
            boxes.append((x - wide, y - high, x + wide, y + high))
        chance.shuffle(boxes)
        return boxes


def down(name: str, x: float, from_ms: int, seconds: float = 5.0) -> Walker:
    """Comes in: from the top to the bottom."""
    return Walker(name, (x, 0.15), (x, 0.85), from_ms, from_ms + round(seconds * 1000))


def up(name: str, x: float, from_ms: int, seconds: float = 5.0) -> Walker:
    """Goes out: from the bottom to the top."""
    return Walker(name, (x, 0.85), (x, 0.15), from_ms, from_ms + round(seconds * 1000))
