"""What an expression sees of the running execution beside its input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol


class Frame(Protocol):
    """The surroundings of one evaluation."""

    @property
    def now_ms(self) -> int:
        """The time of this step, milliseconds since 1970."""

    def context(self) -> dict[str, Any]:
        """The context object, ``$$`` and ``$states.context``."""

    def variables(self) -> Mapping[str, Any]:
        """The variables in reach, inner scopes before outer ones."""

    def chance(self) -> float:
        """A number from 0 up to 1, without 1."""


Reader = Callable[[Any, Frame], Any]
"""A compiled expression: the value of ``$`` and the frame in, a value out."""
