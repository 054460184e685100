"""Log patterns over space-delimited fields: ``[ip, ..., status = 4* || status = 5*, bytes > 9]``.

A line's fields are parted by spaces; what stands in double quotes or square brackets is one field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pileus.languages.log_pattern_values import InvalidLogPattern, Test, compile_test

_FIELD = re.compile(r'"([^"]*)"|\[([^\]]*)\]|(\S+)')
_CONDITION = re.compile(
    r"""\s*(?P<name>[\w]*)\s*(?P<sign>!=|<=|>=|=|<|>)\s*
        (?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<word>%[^%]*%|[^\s"&|]+))\s*(?P<join>&&|\|\||$)""",
    re.VERBOSE,
)
_NAME = re.compile(r"\w*")
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    test: Test | None


def compile_fields(
    text: str,
) -> tuple[Callable[[str], bool], Callable[[str], Mapping[str, str]]]:
    """The predicate and the extractor of a ``[ … ]`` pattern; raises InvalidLogPattern."""
    if not text.endswith("]"):
        raise InvalidLogPattern("Invalid filter pattern: ] is missing")
    parts = _split(text[1:-1])
    if parts.count("...") > 1:
        raise InvalidLogPattern("Only one ellipsis is allowed in a pattern")
    gap = parts.index("...") if "..." in parts else None
    columns = [_column(part) for part in parts if part != "..."]

    def placed(message: str) -> list[tuple[_Column, str]] | None:
        """Each column with its field, or None when their numbers do not fit."""
        fields = [quoted or inside or bare for quoted, inside, bare in _FIELD.findall(message)]
        if gap is None:
            return list(zip(columns, fields, strict=True)) if len(fields) == len(columns) else None
        if len(fields) < len(columns):
            return None
        after = len(columns) - gap
        chosen = fields[:gap] + (fields[-after:] if after else [])
        return list(zip(columns, chosen, strict=True))

    def matches(message: str) -> bool:
        rows = placed(message)
        return rows is not None and all(
            column.test is None or column.test(field) for column, field in rows
        )

    def extract(message: str) -> Mapping[str, str]:
        return {f"${column.name}": field for column, field in placed(message) or () if column.name}

    return matches, extract


def _split(inside: str) -> list[str]:
    """The columns' texts: parted by commas outside of quotes and regular expressions."""
    found = re.findall(r'(?:"(?:[^"\\]|\\.)*"|%[^%]*%|[^,"%])+|(?<=,)(?=,)', inside)
    return [part.strip() for part in found]


def _column(text: str) -> _Column:
    if _NAME.fullmatch(text):
        return _Column(text, None)
    name, at = "", 0
    # Alternatives of conjunctions: && binds tighter.
    groups: list[list[Test]] = [[]]
    while True:
        found = _CONDITION.match(text, at)
        if found is None:
            raise InvalidLogPattern(f"Invalid field: {text}")
        if name and found["name"] not in ("", name):
            raise InvalidLogPattern(f"A field has one name only: {text}")
        name = name or found["name"]
        quoted = found["quoted"]
        literal = found["word"] if quoted is None else _ESCAPE.sub(r"\1", quoted)
        test = compile_test(found["sign"], literal, is_quoted=quoted is not None)
        groups[-1].append(test)
        at = found.end()
        if not found["join"]:
            break
        if found["join"] == "||":
            groups.append([])
    if at < len(text):
        raise InvalidLogPattern(f"Invalid field: {text}")
    return _Column(name, lambda value: any(all(t(value) for t in group) for group in groups))
