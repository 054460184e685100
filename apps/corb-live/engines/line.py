"""Counts what crosses a line, in and out. Pure.

The line goes from one point to another. Seen along it, what goes from its left to its right comes **in**
(on a picture, whose y grows downwards: from above to below where the line goes from left to right is *in*).
Someone who stands on the line is not counted to and fro: a crossing counts once the thing was a margin
beyond it in two pictures in a row (one may be a box that belongs to nobody), and only within the line's
length.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Point = tuple[float, float]
"""In parts of the picture."""

IN, OUT = "in", "out"


@dataclass(frozen=True)
class Line:
    """From ``start`` to ``stop``; ``margin`` is the distance beyond which a side counts."""

    start: Point
    stop: Point
    margin: float = 0.01

    @staticmethod
    def parse(text: str) -> Line:
        """``x0,y0,x1,y1`` in parts of the picture, and optionally the margin.

        Raises:
            ValueError: it is nothing of that kind, or the points are one.
        """
        numbers = [float(each) for each in text.split(",")]
        if len(numbers) not in (4, 5) or numbers[:2] == numbers[2:4]:
            raise ValueError(f"A line is x0,y0,x1,y1 of two points, not {text!r}.")
        return Line((numbers[0], numbers[1]), (numbers[2], numbers[3]), *numbers[4:])

    def side(self, point: Point) -> int:
        """1 beyond the margin on the right hand, -1 on the left, 0 near the line."""
        across = self._across(point)
        return 0 if abs(across) < self.margin else (1 if across > 0 else -1)

    def is_beside(self, point: Point) -> bool:
        """Whether the foot of the point lies within the line's length."""
        along_x, along_y = self.stop[0] - self.start[0], self.stop[1] - self.start[1]
        from_x, from_y = point[0] - self.start[0], point[1] - self.start[1]
        along = (from_x * along_x + from_y * along_y) / (along_x**2 + along_y**2)
        return 0 <= along <= 1

    def _across(self, point: Point) -> float:
        along_x, along_y = self.stop[0] - self.start[0], self.stop[1] - self.start[1]
        from_x, from_y = point[0] - self.start[0], point[1] - self.start[1]
        return (along_x * from_y - along_y * from_x) / math.hypot(along_x, along_y)


@dataclass(frozen=True)
class Crossing:
    """A thing went over the line: ``in`` or ``out``."""

    number: int
    direction: str


class LineCounter:
    """Counts crossings of tracks by their points, picture by picture."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._side: dict[int, int] = {}
        self._seen: dict[int, int] = {}
        self.came_in = self.went_out = 0

    def update(self, points: Iterable[tuple[int, Point]]) -> list[Crossing]:
        """Take the points of the tracks that a picture shows, by the tracks' numbers."""
        crossings = []
        for number, point in points:
            side, last = self._line.side(point), self._seen.get(number, 0)
            self._seen[number] = side
            if not side or side != last:
                continue
            before = self._side.get(number, 0)
            if before and side != before and self._line.is_beside(point):
                crossings.append(Crossing(number, IN if side > 0 else OUT))
            self._side[number] = side
        self.came_in += sum(each.direction == IN for each in crossings)
        self.went_out += sum(each.direction == OUT for each in crossings)
        return crossings

    def forget(self, numbers: Iterable[int]) -> None:
        """Tracks that are no more."""
        for number in numbers:
            self._side.pop(number, None)
            self._seen.pop(number, None)

    def state(self) -> dict[str, Any]:
        """Everything it knows, as JSON takes it."""
        sides = [[number, side, self._seen[number]] for number, side in self._side.items()]
        return {"in": self.came_in, "out": self.went_out, "sides": sides}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where another one's :meth:`state` was."""
        self.came_in, self.went_out = state["in"], state["out"]
        self._side = {number: side for number, side, _ in state["sides"]}
        self._seen = {number: seen for number, _, seen in state["sides"]}
