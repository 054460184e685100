"""Package patterns: globs in order, the last match decides.

The Serverless Framework hands them to micromatch with ``dot: true``; these are its rules:
``*`` and ``?`` stop at ``/``, ``**`` as a whole segment crosses it (none included), ``[a-z]``,
``{a,b}``, ``{1..3}`` and the groups ``@(a|b) ?(…) *(…) +(…) !(…)``.
https://www.serverless.com/framework/docs/providers/aws/guide/packaging
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_SPECIAL = re.compile(r"[*?\[{(]")
_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)\Z")
_GROUPS = {"@": "", "?": "?", "*": "*", "+": "+"}
_RANGE_COUNT_MAX = 1000


class Patterns:
    """Decides for paths relative to the packed folder, written with ``/``.

    Args:
        patterns: ``!`` in front excludes; a path that nothing matches is included.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self._rules = [_Rule(text) for text in patterns]

    def includes(self, path: str) -> bool:
        """Whether the file at ``path`` is packed."""
        is_in = True
        for rule in self._rules:
            if rule.is_in != is_in and rule.regex.match(path):
                is_in = rule.is_in
        return is_in

    def may_include_below(self, folder: str) -> bool:
        """False when nothing below ``folder`` can be included: it need not be looked through."""
        excluded = False
        for rule in self._rules:
            if not rule.is_in and rule.excludes_all_below(folder):
                excluded = True
            elif rule.is_in and rule.may_match_below(folder):
                excluded = False
        return not excluded


class _Rule:
    def __init__(self, text: str) -> None:
        self.is_in = not text.startswith("!")
        self._glob = text.removeprefix("!").removeprefix("./")
        self.regex = compile_glob(self._glob)
        found = _SPECIAL.search(self._glob)
        self._fixed = self._glob[: found.start()] if found else self._glob

    def excludes_all_below(self, folder: str) -> bool:
        if self._glob == "**":
            return True
        if not self._glob.endswith("/**"):
            return False
        above = compile_glob(self._glob.removesuffix("/**"))
        parts = folder.split("/")
        return any(above.match("/".join(parts[: n + 1])) for n in range(len(parts)))

    def may_match_below(self, folder: str) -> bool:
        below = f"{folder}/"
        return self._fixed.startswith(below) or below.startswith(self._fixed)


@lru_cache(maxsize=512)
def compile_glob(glob: str) -> re.Pattern[str]:
    """The regular expression of one glob, to be used with ``match``."""
    return re.compile(_translate(glob, 0, "")[0] + r"\Z", re.DOTALL)


def _translate(glob: str, at: int, closing: str) -> tuple[str, int]:
    """``glob`` from ``at`` up to one of the characters ``closing`` (or the end), and where that is."""
    result = []
    while at < len(glob) and glob[at] not in closing:
        char = glob[at]
        if char == "*" and _is_crossing(glob, at):
            piece, at = ("(?:[^/]+/)*", at + 3) if glob[at + 2 : at + 3] == "/" else (".*", at + 2)
        elif char in "@?*+!" and glob[at + 1 : at + 2] == "(":
            piece, at = _group(glob, at)
        elif char == "*":
            piece, at = "[^/]*", at + len(glob[at:]) - len(glob[at:].lstrip("*"))
        elif char == "?":
            piece, at = "[^/]", at + 1
        elif char == "[" and "]" in glob[at + 2 :]:
            end = glob.index("]", at + 2)
            piece, at = _character_class(glob[at + 1 : end]), end + 1
        elif char == "{" and "}" in glob[at:]:
            piece, at = _braces(glob, at)
        elif char == "\\" and at + 1 < len(glob):
            piece, at = re.escape(glob[at + 1]), at + 2
        else:
            piece, at = re.escape(char), at + 1
        result.append(piece)
    return "".join(result), at


def _is_crossing(glob: str, at: int) -> bool:
    """Whether a segment is exactly ``**``."""
    is_start = at == 0 or glob[at - 1] == "/"
    return is_start and re.match(r"\*\*(/|\Z)", glob[at:]) is not None


def _character_class(inside: str) -> str:
    negated = inside[:1] in ("!", "^")
    text = inside[1:] if negated else inside
    text = text.replace("\\", "\\\\").replace("[", "\\[").replace("^", "\\^")
    return f"[^/{text}]" if negated else f"[{text}]"


def _group(glob: str, at: int) -> tuple[str, int]:
    kind, choices, position = glob[at], [], at + 2
    while True:
        piece, position = _translate(glob, position, "|)")
        choices.append(piece)
        if position >= len(glob):
            return re.escape(glob[at]) + _translate(glob, at + 1, "")[0], len(glob)
        if glob[position] == ")":
            break
        position += 1
    joined = "|".join(choices)
    if kind == "!":
        return f"(?!(?:{joined})(?:/|\\Z))[^/]*", position + 1
    return f"(?:{joined}){_GROUPS[kind]}", position + 1


def _braces(glob: str, at: int) -> tuple[str, int]:
    choices, position = [], at + 1
    while True:
        piece, end = _translate(glob, position, ",}")
        choices.append(piece)
        if end >= len(glob):
            return re.escape("{") + _translate(glob, at + 1, "")[0], len(glob)
        if glob[end] == "}":
            break
        position = end + 1
    found = _RANGE.match(glob[at + 1 : end])
    if found:
        choices = _counted(int(found[1]), int(found[2]))
    elif len(choices) == 1:
        return re.escape("{") + choices[0] + re.escape("}"), end + 1
    return f"(?:{'|'.join(choices)})", end + 1


def _counted(first: int, last: int) -> list[str]:
    step = 1 if last >= first else -1
    return [str(n) for n in range(first, last + step, step)[:_RANGE_COUNT_MAX]]
