"""Reads CloudWatch metric math into a tree.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pileus.values.errors import PileusError

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)
      | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<sign>==|!=|<=|>=|&&|\|\||[-+*/^<>(),\[\]])
    )""",
    re.VERBOSE,
)
_LEVELS: tuple[tuple[str, ...], ...] = (
    ("||", "OR"),
    ("&&", "AND"),
    ("==", "!=", "<=", ">=", "<", ">"),
    ("+", "-"),
    ("*", "/"),
    ("^",),
)
_DEPTH_MAX = 64


class InvalidExpression(PileusError):
    """An expression that cannot be read or computed; its text says why."""


@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """The id of another query, or a bare word (``REPEAT``)."""

    value: str


@dataclass(frozen=True, slots=True)
class Items:
    """``[a, b]``."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Operator:
    """``left sign right``; a minus before one operand stands as ``0 - right``."""

    sign: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Function:
    """``NAME(arguments)``."""

    name: str
    arguments: tuple[Node, ...]


Node = Number | Text | Name | Items | Operator | Function


def read_expression(text: str) -> Node:
    """The tree; raises InvalidExpression."""
    reader = _Reader(text)
    node = reader.level(0)
    reader.expect("")
    return node


def names_in(node: Node) -> set[str]:
    """The ids an expression refers to."""
    if isinstance(node, Name):
        return {node.value}
    if isinstance(node, Operator):
        return names_in(node.left) | names_in(node.right)
    parts = node.parts if isinstance(node, Items) else ()
    if isinstance(node, Function):
        parts = node.arguments
    return {name for part in parts for name in names_in(part)}


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._kind, self._token = "", ""
        self._next()

    def _next(self) -> None:
        if not self._text[self._at :].strip():
            self._kind, self._token = "end", ""
            return
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            raise InvalidExpression(f"unexpected character at {self._text[self._at :][:10]!r}")
        self._at = found.end()
        self._kind = str(found.lastgroup)
        self._token = found[self._kind]

    def expect(self, token: str) -> None:
        """Go past ``token`` (empty for the end)."""
        if self._token != token or self._kind not in ("sign", "end"):
            raise InvalidExpression(f"expected {token or 'the end'!r} and found {self._token!r}")
        if token:
            self._next()

    def level(self, number: int) -> Node:
        """Operators of one precedence and all that bind tighter."""
        if number == len(_LEVELS):
            return self._unary()
        left = self.level(number + 1)
        while self._is_operator(_LEVELS[number]):
            sign = self._token.upper()
            self._next()
            right = self.level(number + 1)
            left = Operator({"OR": "||", "AND": "&&"}.get(sign, sign), left, right)
        return left

    def _is_operator(self, signs: tuple[str, ...]) -> bool:
        return self._kind in ("sign", "name") and self._token.upper() in signs

    def _unary(self) -> Node:
        if self._kind == "sign" and self._token == "-":
            self._next()
            return Operator("-", Number(0.0), self._unary())
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            raise InvalidExpression("the expression is nested too deeply")
        node = self._operand()
        self._depth -= 1
        return node

    def _operand(self) -> Node:
        kind, token = self._kind, self._token
        if kind == "sign" and token in ("(", "["):
            self._next()
            if token == "[":
                return Items(self._until("]"))
            node = self.level(0)
            self.expect(")")
            return node
        if kind in ("end", "sign"):
            raise InvalidExpression(f"unexpected {token or 'end'!r}")
        self._next()
        if kind == "number":
            return Number(float(token))
        if kind == "text":
            return Text(token[1:-1])
        if self._kind == "sign" and self._token == "(":
            self._next()
            return Function(token.upper(), self._until(")"))
        return Name(token)

    def _until(self, end: str) -> tuple[Node, ...]:
        parts: list[Node] = []
        while not (self._kind == "sign" and self._token == end):
            if parts:
                self.expect(",")
            parts.append(self.level(0))
        self._next()
        return tuple(parts)
