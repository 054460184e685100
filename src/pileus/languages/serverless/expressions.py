"""The grammar of ``${type(arguments):address, fallback}``, found in strings, nested at will."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TYPE = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)(?=[:(])")
_QUOTES = "'\""


@dataclass(frozen=True, slots=True)
class Source:
    """One alternative of a variable; its parts are text that may hold variables themselves.

    Attributes:
        kind: ``self``, ``opt``, ``env`` …; empty for a literal.
        argument: between parentheses; None without any.
        address: after the colon; None without any. The literal's text when kind is empty.
    """

    kind: str
    argument: str | None
    address: str | None


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable at ``start:stop`` of its string, with its alternatives in order."""

    start: int
    stop: int
    sources: tuple[Source, ...]


def find_variables(text: str) -> list[Variable]:
    """The variables in ``text``, outermost only. ``${AWS::Region}`` and ``${Name}`` are none.

    Raises:
        ValueError: a variable that does not end, or is malformed.
    """
    found = []
    at = text.find("${")
    while at >= 0:
        if at and text[at - 1] == "\\":
            at = text.find("${", at + 2)
            continue
        if not _begins_variable(text, at + 2):
            at = text.find("${", at + 2)
            continue
        stop = _closing(text, at + 2)
        found.append(Variable(at, stop, _sources(text[at + 2 : stop - 1])))
        at = text.find("${", stop)
    return found


def _begins_variable(text: str, at: int) -> bool:
    match = _TYPE.match(text, at)
    return bool(match) and not text.startswith("::", match.end() if match else at)


def _closing(text: str, at: int) -> int:
    """Just past the brace that closes what was opened before ``at``."""
    depth, quote = 1, ""
    while at < len(text):
        char = text[at]
        if quote:
            quote = "" if char == quote else quote
        elif char in _QUOTES:
            quote = char
        elif text.startswith("${", at):
            depth += 1
            at += 1
        elif char == "}":
            depth -= 1
            if not depth:
                return at + 1
        at += 1
    raise ValueError(f"a variable does not end: {text!r}")


def _split(text: str) -> list[str]:
    """Split at commas outside quotes, parentheses and nested variables."""
    parts, depth, quote, begin = [], 0, "", 0
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in _QUOTES:
            quote = char
        elif char in "({":
            depth += 1
        elif char in ")}":
            depth -= 1
        elif char == "," and not depth:
            parts.append(text[begin:at])
            begin = at + 1
    return [*parts, text[begin:]]


def _sources(inner: str) -> tuple[Source, ...]:
    return tuple(_source(part.strip(), inner) for part in _split(inner))


def _source(text: str, whole: str) -> Source:
    if not text:
        raise ValueError(f"an alternative is empty in ${{{whole}}}")
    match = _TYPE.match(text)
    if not match or text[0] in _QUOTES:
        return Source("", None, text)
    kind, at, argument = match[1], match.end(), None
    if text[at] == "(":
        stop = _parenthesis(text, at + 1)
        argument, at = text[at + 1 : stop].strip(), stop + 1
    if at >= len(text):
        return Source(kind, argument, None)
    if text[at] != ":":
        raise ValueError(f"a colon is expected after {text[:at]!r} in ${{{whole}}}")
    return Source(kind, argument, text[at + 1 :].strip())


def _parenthesis(text: str, at: int) -> int:
    depth = 1
    while at < len(text):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if not depth:
            return at
        at += 1
    raise ValueError(f"a parenthesis does not end in {text!r}")
