"""Reads JSON and says exactly what is wrong with it, and where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Vector = tuple[float, float, float]


class BadScene(ValueError):
    """What was handed in is no scene; the text says why, for whoever made it."""


class Node:
    """A value of a JSON document with its place in it.

    Every method raises BadScene when the value is not what it asks for.
    """

    def __init__(self, value: Any, place: str) -> None:
        self.value = value
        self.place = place

    def bad(self, problem: str) -> BadScene:
        """The error to raise about this value."""
        return BadScene(f"{self.place}: {problem}")

    def members(self, *known: str) -> dict[str, Node]:
        """An object's members, none of which is unknown."""
        if not isinstance(self.value, dict):
            raise self.bad("must be an object")
        for name in self.value:
            if name not in known:
                raise self.bad(f"has no member {name!r}; known are {', '.join(known)}")
        return {name: Node(one, f"{self.place}.{name}") for name, one in self.value.items()}

    def required(self, name: str) -> Node:
        """A member that must be there."""
        if not isinstance(self.value, dict) or name not in self.value:
            raise self.bad(f"needs {name!r}")
        return Node(self.value[name], f"{self.place}.{name}")

    def items(self, least: int, most: int) -> Iterator[Node]:
        """An array's elements."""
        if not isinstance(self.value, list) or not least <= len(self.value) <= most:
            raise self.bad(f"must be an array of {least} to {most} elements")
        return (Node(one, f"{self.place}[{at}]") for at, one in enumerate(self.value))

    def number(self, least: float, most: float) -> float:
        """A finite number within bounds, both included."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self.bad("must be a number")
        if not least <= self.value <= most:
            raise self.bad(f"must be from {least:g} to {most:g}, is {self.value}")
        return float(self.value)

    def integer(self, least: int, most: int) -> int:
        """A whole number within bounds, both included."""
        if self.number(least, most) != int(self.value):
            raise self.bad("must be a whole number")
        return int(self.value)

    def text(self) -> str:
        """A text."""
        if not isinstance(self.value, str):
            raise self.bad("must be a text")
        return self.value

    def vector(self, most: float = 1e6) -> Vector:
        """Three numbers of a magnitude of no more than ``most``."""
        x, y, z = (one.number(-most, most) for one in self.items(3, 3))
        return x, y, z

    def direction(self) -> Vector:
        """Three numbers that are not all zero."""
        found = self.vector()
        if sum(part * part for part in found) < 1e-12:
            raise self.bad("must have a length")
        return found

    def colour(self, most: float = 1.0) -> Vector:
        """Red, green and blue, linear, from 0 to ``most``."""
        red, green, blue = (one.number(0, most) for one in self.items(3, 3))
        return red, green, blue
