"""CloudWatch Logs filter patterns: compiled once, asked of every log event.

Three dialects, told by the first character: ``{ … }`` looks into JSON, ``[ … ]`` into
space-delimited fields, anything else for terms in the text. Source:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from pileus.languages.log_pattern_fields import compile_fields
from pileus.languages.log_pattern_json import compile_json, compile_selector
from pileus.languages.log_pattern_values import InvalidLogPattern, compile_regex

__all__ = ["InvalidLogPattern", "LogPattern", "compile_pattern", "compile_selector"]

_PATTERN_LENGTH_MAX = 1024
_TERM = re.compile(
    r"""\s*(?P<sign>[?-]?)(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|%(?P<regex>[^%]*)%|(?P<word>[^\s"%]+))"""
)
_WORD = re.compile(r"\w+")
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class LogPattern:
    """A compiled pattern.

    Attributes:
        matches: whether a message is one that the pattern speaks of.
        extract: the values of the fields it names (``$.a`` or ``$name``) in a message.
    """

    matches: Callable[[str], bool]
    extract: Callable[[str], Mapping[str, str]]


@lru_cache(maxsize=512)
def compile_pattern(text: str) -> LogPattern:
    """Compile a pattern; an empty one matches everything.

    Raises:
        InvalidLogPattern: with a sentence telling what is wrong.
    """
    if len(text) > _PATTERN_LENGTH_MAX:
        raise InvalidLogPattern(f"The pattern is longer than {_PATTERN_LENGTH_MAX} characters")
    stripped = text.strip()
    if stripped.startswith("{"):
        return LogPattern(*compile_json(stripped))
    if stripped.startswith("["):
        return LogPattern(*compile_fields(stripped))
    return LogPattern(_compile_terms(stripped), lambda _: {})


def _compile_terms(text: str) -> Callable[[str], bool]:
    """Every plain term must be there and no ``-term``; ``?terms`` count only where alone."""
    signed: dict[str, list[Callable[[str], bool]]] = {"": [], "-": [], "?": []}
    at = 0
    while at < len(text):
        found = _TERM.match(text, at)
        if found is None:
            raise InvalidLogPattern("Invalid character(s) in term '" + text[at:].strip() + "'")
        signed[found["sign"]].append(_term(found))
        at = found.end()
    wanted, unwanted, optional = signed[""], signed["-"], signed["?"]
    if not wanted and not unwanted:
        return lambda message: not optional or any(holds(message) for holds in optional)
    return lambda message: (
        all(holds(message) for holds in wanted) and not any(holds(message) for holds in unwanted)
    )


def _term(found: re.Match[str]) -> Callable[[str], bool]:
    if found["regex"] is not None:
        search = compile_regex(found["regex"])
        return lambda message: search(message) is not None
    if found["quoted"] is not None:
        term = _ESCAPE.sub(r"\1", found["quoted"])
    else:
        term = found["word"]
        if not _WORD.fullmatch(term):
            raise InvalidLogPattern(f"Invalid character(s) in term '{term}'")
    return lambda message: term in message
