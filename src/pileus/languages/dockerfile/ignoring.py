"""``.dockerignore``. https://docs.docker.com/build/concepts/context/#dockerignore-files"""

from __future__ import annotations

import re

import msgspec


class _Rule(msgspec.Struct, frozen=True):
    pattern: re.Pattern[str]
    is_exception: bool


class IgnoreRules:
    """Which paths of a folder are left out; the last rule that matches decides."""

    def __init__(self, text: str = "") -> None:
        self._rules: list[_Rule] = []
        for line in text.splitlines():
            rule = line.strip()
            if not rule or rule.startswith("#"):
                continue
            is_exception = rule.startswith("!")
            steps = [
                step for step in rule.removeprefix("!").strip().split("/") if step not in ("", ".")
            ]
            if steps:
                self._rules.append(_Rule(glob_pattern("/".join(steps)), is_exception))

    @property
    def has_exceptions(self) -> bool:
        """Whether something inside an ignored folder may be wanted after all."""
        return any(rule.is_exception for rule in self._rules)

    def ignores(self, path: str) -> bool:
        """Whether a path, ``/`` between its steps, is left out; so is what lies below one."""
        steps = path.split("/")
        places = ["/".join(steps[:count]) for count in range(1, len(steps) + 1)]
        is_ignored = False
        for rule in self._rules:
            if any(rule.pattern.fullmatch(place) for place in places):
                is_ignored = not rule.is_exception
        return is_ignored


def glob_pattern(pattern: str) -> re.Pattern[str]:
    """``*`` and ``?`` within a step, ``**`` across steps, ``[a-z]`` one character."""
    out, at = "", 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if pattern.startswith("**/", at - 1):
            out += "(?:.*/)?"
            at += 2
        elif pattern.startswith("**", at - 1):
            out += ".*"
            at += 1
        elif character == "*":
            out += "[^/]*"
        elif character == "?":
            out += "[^/]"
        elif character == "[" and (end := pattern.find("]", at + 1)) > 0:
            inside = pattern[at:end]
            negated = inside[:1] in ("^", "!")
            out += "[" + ("^" if negated else "") + inside[negated:].replace("\\", "\\\\") + "]"
            at = end + 1
        elif character == "\\" and at < len(pattern):
            out += re.escape(pattern[at])
            at += 1
        else:
            out += re.escape(character)
    return re.compile(out, re.DOTALL)
