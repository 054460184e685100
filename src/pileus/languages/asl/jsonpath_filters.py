"""Filters of JSONPath, ``[?(@.price < 10 && @.tag in ['a', 'b'])]``, as tests of an element."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from pileus.languages.asl.errors import InvalidExpression

Filter = Callable[[Any, Any], bool]
"""The element and the document's root in, whether the element passes out."""
_Operand = Callable[[Any, Any], Any]

_MISSING: Final = object()
_TOKENS = re.compile(
    r"\s*(?:(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<string>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<regex>/(?:[^/\\]|\\.)+/[imsxu]*)|(?P<path>[@$](?:\.[\w-]+(?:\(\))?|\[(?:'[^']*'|\"[^\"]*\"|-?\d+)\])*)"
    r"|(?P<operator>==|!=|<=|>=|=~|<|>|&&|\|\||!|\(|\)|\[|\]|,)|(?P<word>\w+))"
)
_WORDS: Final[dict[str, Any]] = {"true": True, "false": False, "null": None}
_PATH_STEP = re.compile(r"\.([\w-]+)(\(\))?|\[(?:'([^']*)'|\"([^\"]*)\"|(-?\d+))\]")


def compile_filter(text: str, whole: str) -> Filter:
    """Read what stands behind ``?``.

    Raises:
        InvalidExpression: when it is no filter.
    """
    parser = _Parser(text, whole)
    test = parser.either()
    parser.end()
    return test


class _Parser:
    def __init__(self, text: str, whole: str) -> None:
        self._whole = whole
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text):
            found = _TOKENS.match(text, at)
            if found is None or found.lastgroup is None:
                if text[at:].strip():
                    raise InvalidExpression(f"the filter of {whole!r} cannot be read")
                break
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        self._at = 0

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token

    def _take(self, value: str) -> bool:
        if self._peek() == ("operator", value):
            self._at += 1
            return True
        return False

    def end(self) -> None:
        if self._peek()[0] != "end":
            raise InvalidExpression(f"the filter of {self._whole!r} cannot be read")

    def either(self) -> Filter:
        test = self._both()
        while self._take("||"):
            test = _or(test, self._both())
        return test

    def _both(self) -> Filter:
        test = self._one()
        while self._take("&&"):
            test = _and(test, self._one())
        return test

    def _one(self) -> Filter:
        if self._take("!"):
            inner = self._one()
            return lambda element, root: not inner(element, root)
        if self._take("("):
            test = self.either()
            if not self._take(")"):
                raise InvalidExpression(f"a parenthesis is not closed in {self._whole!r}")
            return test
        return self._comparison()

    def _comparison(self) -> Filter:
        left = self._operand()
        kind, value = self._peek()
        if kind == "operator" and value in _COMPARISONS:
            self._next()
            return _compare(_COMPARISONS[value], left, self._operand())
        if kind == "word" and value.lower() in _MEMBERSHIPS:
            self._next()
            return _compare(_MEMBERSHIPS[value.lower()], left, self._operand())
        return lambda element, root: left(element, root) is not _MISSING

    def _operand(self) -> _Operand:
        kind, value = self._next()
        if kind == "path":
            return _relative(value)
        if (kind, value) == ("operator", "["):
            return self._list()
        constant = self._constant(kind, value)
        return lambda _element, _root: constant

    def _list(self) -> _Operand:
        values = []
        while not self._take("]"):
            values.append(self._constant(*self._next()))
            self._take(",")
        return lambda _element, _root: values

    def _constant(self, kind: str, value: str) -> Any:
        if kind == "number":
            return float(value) if any(char in value for char in ".eE") else int(value)
        if kind == "string":
            return re.sub(r"\\(.)", r"\1", value[1:-1])
        if kind == "regex":
            # They have no bound in time, and would run where everybody's executions run.
            raise InvalidExpression(
                f"regular expressions in filters are not supported: {self._whole!r}"
            )
        if kind == "word" and value in _WORDS:
            return _WORDS[value]
        raise InvalidExpression(f"the filter of {self._whole!r} cannot be read")


def _or(first: Filter, second: Filter) -> Filter:
    return lambda element, root: first(element, root) or second(element, root)


def _and(first: Filter, second: Filter) -> Filter:
    return lambda element, root: first(element, root) and second(element, root)


def _compare(test: Callable[[Any, Any], bool], left: _Operand, right: _Operand) -> Filter:
    return lambda element, root: test(left(element, root), right(element, root))


def _relative(text: str) -> _Operand:
    steps = []
    for found in _PATH_STEP.finditer(text):
        name = found[1] or found[3] or found[4]
        steps.append((int(found[5]) if found[5] else name, bool(found[2])))

    def read(element: Any, root: Any) -> Any:
        value = element if text[0] == "@" else root
        for step, is_call in steps:
            if is_call:
                value = len(value) if isinstance(value, list | dict | str) else _MISSING
            elif isinstance(step, int) and isinstance(value, list):
                value = value[step] if -len(value) <= step < len(value) else _MISSING
            elif isinstance(value, dict) and step in value:
                value = value[step]
            else:
                return _MISSING
        return value

    return read


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else type(value).__name__


def _equal(left: Any, right: Any) -> bool:
    return left is not _MISSING and _kind(left) == _kind(right) and bool(left == right)


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Any, right: Any) -> bool:
        return _kind(left) == _kind(right) in ("number", "str") and test(left, right)

    return compare


def _within(left: Any, right: Any) -> bool:
    return isinstance(right, list) and any(_equal(left, each) for each in right)


_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "<": _ordered(lambda left, right: left < right),
    "<=": _ordered(lambda left, right: left <= right),
    ">": _ordered(lambda left, right: left > right),
    ">=": _ordered(lambda left, right: left >= right),
}
_MEMBERSHIPS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "in": _within,
    "nin": lambda left, right: not _within(left, right),
    "contains": lambda left, right: isinstance(left, list | str) and right in left,
    "anyof": lambda left, right: isinstance(left, list) and any(_within(e, right) for e in left),
    "noneof": lambda left, right: (
        isinstance(left, list) and not any(_within(e, right) for e in left)
    ),
    "subsetof": lambda left, right: isinstance(left, list) and all(_within(e, right) for e in left),
    "size": lambda left, right: isinstance(left, list | str) and len(left) == right,
    "empty": lambda left, right: isinstance(left, list | str) and (not left) is bool(right),
}
