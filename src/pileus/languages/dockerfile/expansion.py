"""Variables and quotes, as the instructions that replace variables read them.

``$name``, ``${name}``, ``${name:-word}``, ``${name:+word}``, ``${name:?word}`` (and without the
colon); nothing inside single quotes; the escape character protects the next one.
https://docs.docker.com/reference/dockerfile/#environment-replacement
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?!-]")


def expand(
    text: str, variables: Mapping[str, str], escape: str = "\\", *, keeps_quotes: bool = False
) -> str:
    """Replace the variables of a text, and take its quotes away unless they are to be kept.

    A variable that is not there is empty.

    Raises:
        ValueError: a ``${`` without its end, an unknown form, or ``${name:?word}`` without a value.
    """
    return _Expansion(text, variables, escape, keeps_quotes).run()


class _Expansion:
    def __init__(
        self, text: str, variables: Mapping[str, str], escape: str, keeps_quotes: bool
    ) -> None:
        self._text = text
        self._at = 0
        self._variables = variables
        self._escape = escape
        self._keeps_quotes = keeps_quotes

    def run(self) -> str:
        out: list[str] = []
        quote = ""
        text = self._text
        while self._at < len(text):
            character = text[self._at]
            self._at += 1
            if character == "'" and quote != '"' and not self._keeps_quotes:
                quote = "" if quote else "'"
            elif quote == "'":
                out.append(character)
            elif character == '"' and not self._keeps_quotes:
                quote = "" if quote else '"'
            elif character == self._escape and self._at < len(text):
                following = text[self._at]
                self._at += 1
                protects = not quote or following in ('"', "$", self._escape)
                if self._keeps_quotes:
                    protects = following in ("$", self._escape)
                out.append(following if protects else character + following)
            elif character == "$":
                out.append(self._variable())
            else:
                out.append(character)
        return "".join(out)

    def _variable(self) -> str:
        if self._text.startswith("{", self._at):
            return self._braced()
        found = _NAME.match(self._text, self._at)
        if found is None:
            return "$"
        self._at = found.end()
        return self._variables.get(found[0], "")

    def _braced(self) -> str:
        depth, end = 1, self._at + 1
        while end < len(self._text) and depth:
            depth += {"{": 1, "}": -1}.get(self._text[end], 0)
            end += 1
        if depth:
            raise ValueError("a ${ has no end")
        inside = self._text[self._at + 1 : end - 1]
        self._at = end
        found = _NAME.match(inside)
        if found is None:
            raise ValueError(f"${{{inside}}} names no variable")
        name, form = found[0], inside[found.end() :]
        value = self._variables.get(name)
        if not form:
            return value or ""
        colon = form.startswith(":")
        kind, word = form[colon : colon + 1], form[colon + 1 :]
        is_set = bool(value) if colon else value is not None
        if kind not in ("-", "+", "?"):
            raise ValueError(f"${{{inside}}} is of a form that is not understood")
        other = expand(word, self._variables, self._escape)
        if kind == "-":
            return (value or "") if is_set else other
        if kind == "+":
            return other if is_set else ""
        if not is_set:
            raise ValueError(f"{name}: {other or 'has no value'}")
        return value or ""
