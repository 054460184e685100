"""Wildcards and policy variables of IAM policies.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

ContextValues = Mapping[str, tuple[str, ...]]
Pattern = Callable[[str, ContextValues], bool]

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_DEFAULT = re.compile(r"\s*([^,\s]+)\s*,\s*'([^']*)'\s*")


def substitute(text: str, context: ContextValues, escape: Callable[[str], str]) -> str | None:
    """Fill policy variables, each passed through ``escape``; None when one has no single value.

    ``${*}``, ``${?}`` and ``${$}`` stand for those characters; ``${key, 'default'}`` names what to
    use when the request carries no such key.
    """
    out, at = [], 0
    for found in _VARIABLE.finditer(text):
        value = _variable(found[1], context)
        if value is None:
            return None
        out += [text[at : found.start()], escape(value)]
        at = found.end()
    out.append(text[at:])
    return "".join(out)


def _variable(name: str, context: ContextValues) -> str | None:
    if name in ("*", "?", "$"):
        return name
    default: str | None = None
    if found := _DEFAULT.fullmatch(name):
        name, default = found[1], found[2]
    values = context.get(name.strip().lower(), ())
    return values[0] if len(values) == 1 else default


@lru_cache(maxsize=4096)
def _regex(text: str, ignore_case: bool) -> re.Pattern[str]:
    """``*`` is any run of characters and ``?`` any one; a zero byte takes the next literally."""
    out, at = [], 0
    while at < len(text):
        char = text[at]
        if char == "\0":
            at += 1
            out.append(re.escape(text[at]))
        elif char == "*":
            if not out or out[-1] != ".*":
                out.append(".*")
        else:
            out.append("." if char == "?" else re.escape(char))
        at += 1
    return re.compile("".join(out), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _literal(text: str) -> str:
    # A zero byte cannot occur in a policy: it marks characters that are no wildcards.
    return "".join("\0" + char for char in text)


def glob_pattern(text: str, *, ignore_case: bool = False, has_variables: bool = False) -> Pattern:
    """A test of a whole text against a pattern with wildcards and, if asked, variables."""
    if text == "*":
        return lambda _value, _context: True
    if has_variables and "${" in text:

        def filled(value: str, context: ContextValues) -> bool:
            wanted = substitute(text, context, _literal)
            return wanted is not None and bool(_regex(wanted, ignore_case).fullmatch(value))

        return filled
    match = _regex(text, ignore_case).fullmatch
    return lambda value, _context: match(value) is not None


def arn_pattern(text: str, *, has_variables: bool = False) -> Pattern:
    """A test of an ARN, each of its six parts against the part of the pattern.

    Anything that is no ARN pattern is matched as a whole.
    """
    parts = _split(text)
    if len(parts) < 6:
        return glob_pattern(text, has_variables=has_variables)
    tests = tuple(glob_pattern(part, has_variables=has_variables) for part in parts)

    def match(value: str, context: ContextValues) -> bool:
        found = value.split(":", 5)
        return len(found) == 6 and all(
            test(part, context) for test, part in zip(tests, found, strict=True)
        )

    return match


def _split(text: str) -> list[str]:
    """The six parts of an ARN pattern; colons inside variables do not count."""
    hidden = _VARIABLE.sub(lambda found: found[0].replace(":", "\0"), text)
    return [part.replace("\0", ":") for part in hidden.split(":", 5)]
