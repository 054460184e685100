"""Log patterns over JSON: ``{ ($.a.b = "x*" && $.n >= 3) || $.list[*] IS NULL }``.

A property that is not there satisfies no comparison, only NOT EXISTS.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from pileus.languages.log_pattern_values import (
    InvalidLogPattern,
    Test,
    as_text,
    compile_test,
)

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<selector>\$(?:\.?\[\s*(?:\d+|\*|"[^"]*"|'[^']*')\s*\]|\.[\w@\-]+|\.\*)*)
      | (?P<quoted>"(?:[^"\\]|\\.)*")
      | (?P<regex>%[^%]*%)
      | (?P<sign>&&|\|\||!=|<=|>=|[=<>()])
      | (?P<word>[^\s()=<>!&|"%{}]+)
    )""",
    re.VERBOSE,
)
_STEP = re.compile(r"""\[\s*(?:(\d+)|(\*)|"([^"]*)"|'([^']*)')\s*\]|([\w@\-]+)|(\*)""")
_ESCAPE = re.compile(r"\\(.)")
_DEPTH_MAX = 32
_ANY: Any = object()
Node = Callable[[Any], bool]
Path = tuple[Any, ...]


def compile_json(
    text: str,
) -> tuple[Callable[[str], bool], Callable[[str], Mapping[str, str]]]:
    """The predicate and the extractor of a ``{ … }`` pattern; raises InvalidLogPattern."""
    if not text.endswith("}"):
        raise InvalidLogPattern("Invalid filter pattern: } is missing")
    parser = _Parser(text[1:-1])
    node = parser.whole()

    def matches(message: str) -> bool:
        document = _loaded(message)
        return document is not None and node(document)

    def extract(message: str) -> Mapping[str, str]:
        document = _loaded(message)
        found = {}
        for selector, path in parser.selectors.items():
            for value in _values(document, path):
                found[selector] = as_text(value)
                break
        return found

    return matches, extract


def compile_selector(text: str) -> Callable[[str], str | None]:
    """What a selector (``$.a[0].b``) finds first in a message; raises InvalidLogPattern."""
    found = _TOKEN.fullmatch(text)
    if found is None or found.lastgroup != "selector":
        raise InvalidLogPattern(f"{text} is not a selector")
    path = _path(text)

    def select(message: str) -> str | None:
        for value in _values(_loaded(message), path):
            return as_text(value)
        return None

    return select


def _loaded(message: str) -> Any:
    """The message's JSON object or array; None for any other text."""
    if message[:1] not in "{[ \t\n\r":
        return None
    try:
        document = orjson.loads(message)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, (dict, list)) else None


def _values(document: Any, path: Path) -> Iterator[Any]:
    """Every value that a path leads to."""
    if not path:
        yield document
        return
    step, rest = path[0], path[1:]
    if step is _ANY:
        members = document.values() if isinstance(document, dict) else document
        for each in members if isinstance(document, (dict, list)) else ():
            yield from _values(each, rest)
    elif isinstance(step, int):
        if isinstance(document, list) and step < len(document):
            yield from _values(document[step], rest)
    elif isinstance(document, dict) and step in document:
        yield from _values(document[step], rest)


def _path(selector: str) -> Path:
    steps: list[Any] = []
    for index, star, double, single, name, dotted_star in _STEP.findall(selector[1:]):
        if star or dotted_star:
            steps.append(_ANY)
        else:
            steps.append(int(index) if index else double or single or name)
    return tuple(steps)


class _Parser:
    """Recursive descent: ``||`` of ``&&`` of comparisons and parentheses."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        self.selectors: dict[str, Path] = {}
        at, text = 0, text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise InvalidLogPattern(f"Invalid character(s) in pattern: {text[at:].strip()}")
            assert found.lastgroup is not None
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        self._at = 0

    def whole(self) -> Node:
        node = self._any_of(0)
        if self._at < len(self._tokens):
            raise InvalidLogPattern(f"Unexpected {self._tokens[self._at][1]} in pattern")
        return node

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _next(self, what: str) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise InvalidLogPattern(f"The pattern ends where {what} is expected")
        self._at += 1
        return self._tokens[self._at - 1]

    def _any_of(self, depth: int) -> Node:
        nodes = [self._all_of(depth)]
        while self._peek() == "||":
            self._at += 1
            nodes.append(self._all_of(depth))
        return nodes[0] if len(nodes) == 1 else lambda doc: any(node(doc) for node in nodes)

    def _all_of(self, depth: int) -> Node:
        nodes = [self._one(depth)]
        while self._peek() == "&&":
            self._at += 1
            nodes.append(self._one(depth))
        return nodes[0] if len(nodes) == 1 else lambda doc: all(node(doc) for node in nodes)

    def _one(self, depth: int) -> Node:
        kind, text = self._next("a selector")
        if text == "(" and kind == "sign":
            if depth >= _DEPTH_MAX:
                raise InvalidLogPattern("The pattern is nested too deeply")
            node = self._any_of(depth + 1)
            if self._next(")")[1] != ")":
                raise InvalidLogPattern("Invalid filter pattern: ) is missing")
            return node
        if kind != "selector":
            raise InvalidLogPattern(f"Invalid selector: {text}")
        path = self.selectors[text] = _path(text)
        return self._condition(path)

    def _condition(self, path: Path) -> Node:
        kind, sign = self._next("an operator")
        if kind == "word":
            return self._state(path, sign.upper())
        if kind != "sign" or sign in ("&&", "||", "(", ")"):
            raise InvalidLogPattern(f"Invalid operator: {sign}")
        kind, text = self._next("a value")
        if kind not in ("quoted", "regex", "word"):
            raise InvalidLogPattern(f"Invalid value: {text}")
        is_quoted = kind == "quoted"
        literal = _ESCAPE.sub(r"\1", text[1:-1]) if is_quoted else text
        test: Test = compile_test(sign, literal, is_quoted=is_quoted)
        return lambda document: any(
            value is not None and not isinstance(value, (dict, list)) and test(value)
            for value in _values(document, path)
        )

    def _state(self, path: Path, word: str) -> Node:
        """``IS NULL``, ``IS TRUE``, ``IS FALSE``, ``NOT EXISTS``, ``EXISTS``."""
        if word == "EXISTS":
            return lambda document: any(True for _ in _values(document, path))
        second = self._next(f"a word after {word}")[1].upper()
        if (word, second) == ("NOT", "EXISTS"):
            return lambda document: not any(True for _ in _values(document, path))
        if word == "IS" and second in ("NULL", "TRUE", "FALSE"):
            wanted = {"NULL": None, "TRUE": True, "FALSE": False}[second]
            return lambda document: any(value is wanted for value in _values(document, path))
        raise InvalidLogPattern(f"Invalid operator: {word} {second}")
