"""What the structured dialects of log patterns share: comparing a value with a literal."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

from pileus.values.errors import PileusError

_REGEX = re.compile(r"[A-Za-z0-9:_#=@/;,\-\s.^$?\[\]{}|\\*+()!<>&'\"]*")
_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
Test = Callable[[Any], bool]


class InvalidLogPattern(PileusError):
    """The pattern cannot be read; the text tells why."""


def compile_regex(text: str) -> Callable[[str], re.Match[str] | None]:
    """The search of a ``%…%`` regular expression.

    CloudWatch allows neither groups nor look-around, so that no expression runs away.
    """
    if not _REGEX.fullmatch(text) or re.search(r"(?<!\\)[()]", text):
        raise InvalidLogPattern(f"Invalid regular expression: %{text}%")
    try:
        return re.compile(text).search
    except re.error as error:
        raise InvalidLogPattern(f"Invalid regular expression: %{text}%: {error}") from None


def number(text: str) -> float | None:
    """The number a text spells, or None."""
    try:
        return float(text)
    except ValueError:
        return None


def as_text(value: Any) -> str:
    """A JSON scalar as patterns compare it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return str(value)


def compile_test(sign: str, literal: str, *, is_quoted: bool) -> Test:
    """The test of one value against a literal.

    Args:
        sign: ``=``, ``!=``, ``<``, ``<=``, ``>`` or ``>=``.
        literal: its text; ``*`` stands for any characters.
        is_quoted: a quoted literal is text and never a number.
    """
    if sign in _ORDERS:
        limit = number(literal)
        if limit is None:
            raise InvalidLogPattern(f"Invalid numeric value: {literal}")
        order = _ORDERS[sign]
        return lambda value: (found := _as_number(value)) is not None and order(found, limit)
    holds = _equality(literal, is_quoted=is_quoted)
    return holds if sign == "=" else lambda value: not holds(value)


def _as_number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    return float(value) if isinstance(value, (int, float)) else number(str(value))


def _fits(text: str, pieces: list[str]) -> bool:
    """Whether the text is the pieces in order, with anything between. Linear, unlike ``.*``."""
    first, last = pieces[0], pieces[-1]
    if not (text.startswith(first) and text.endswith(last)):
        return False
    at, stop = len(first), len(text) - len(last)
    for piece in pieces[1:-1]:
        at = text.find(piece, at, stop)
        if at < 0:
            return False
        at += len(piece)
    return at <= stop


def _equality(literal: str, *, is_quoted: bool) -> Test:
    if literal.startswith("%") and literal.endswith("%") and len(literal) > 1 and not is_quoted:
        search = compile_regex(literal[1:-1])
        return lambda value: search(as_text(value)) is not None
    if "*" in literal:
        pieces = literal.split("*")
        return lambda value: _fits(as_text(value), pieces)
    wanted = None if is_quoted else number(literal)
    if wanted is None:
        return lambda value: as_text(value) == literal
    return lambda value: as_text(value) == literal or _as_number(value) == wanted
