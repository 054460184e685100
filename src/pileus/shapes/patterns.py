r"""The regular expressions of AWS's models are Java's; this turns them into Python's.

What differs and occurs in the models: Unicode properties (``\p{L}``), classes written with
surrogate pairs, a hyphen after a class escape (``[\w-_]``), ``\z``. Java's ``\w``, ``\d`` and
``\s`` are ASCII. https://docs.oracle.com/javase/8/docs/api/java/util/regex/Pattern.html
"""

from __future__ import annotations

import re
import sys
import unicodedata
import warnings
from collections.abc import Callable
from functools import lru_cache

from pileus.shapes import source
from pileus.values.errors import PileusError

_PROPERTY = re.compile(r"\\([pP])(?:\{(?:Is)?(\w+)\}|([A-Z]))")
_ASTRAL = re.compile(r"\\uD800\\uDC00-\\uDBFF\\uDFFF", re.IGNORECASE)
_HYPHEN_AFTER_CLASS = re.compile(r"(\\[wdsWDS])-(?!\])")
_TAIL_QUANTIFIER = re.compile(r"\$\{\d+,\d+\}$")
_POSIX = {
    "ASCII": r"\x00-\x7f",
    "Alnum": "a-zA-Z0-9",
    "Alpha": "a-zA-Z",
    "Blank": r" \t",
    "Digit": "0-9",
    "Graph": "!-~",
    "Lower": "a-z",
    "Print": " -~",
    "Punct": r"!-/:-@\[-`{-~",
    "Space": r" \t\n\x0b\f\r",
    "Upper": "A-Z",
    "XDigit": "0-9a-fA-F",
    "Whitespace": r"\s",
    "all": r"\x00-\U0010ffff",
    "Latin": "A-Za-zªºÀ-ÖØ-öø-ʸ",
}
_CATEGORIES = {"Alphabetic": "L", "Cntrl": "Cc", "Letter": "L"}


class UntranslatablePattern(PileusError):
    """A Java pattern this module cannot express in Python."""


@lru_cache(maxsize=4096)
def full_match(java_pattern: str) -> Callable[[str], object]:
    """A function that is true for text which matches as a whole, as Java's ``matches`` does.

    Raises:
        UntranslatablePattern: when Python cannot express the pattern.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # "[a||b]": no set operation in Java
            return re.compile(_translate(java_pattern), re.ASCII).fullmatch
    except re.error as problem:
        raise UntranslatablePattern(f"{java_pattern!r}: {problem}") from problem


def _translate(java: str) -> str:
    text = _ASTRAL.sub(r"\\U00010000-\\U0010ffff", java)
    text = _HYPHEN_AFTER_CLASS.sub(r"\1\\-", text)
    text = _TAIL_QUANTIFIER.sub("$", text)
    text = text.replace(r"\z", r"\Z")
    out, at = [], 0
    for found in _PROPERTY.finditer(text):
        between = text[at : found.start()]
        out.append(between)
        ranges = _ranges(found.group(2) or found.group(3), found.group(1) == "P")
        out.append(ranges if _inside_class(text[: found.start()]) else f"[{ranges}]")
        at = found.end()
    out.append(text[at:])
    return "".join(out)


def _inside_class(before: str) -> bool:
    plain = re.sub(r"\\.", "", before)
    return plain.rfind("[") > plain.rfind("]")


def _ranges(name: str, is_negated: bool) -> str:
    """The body of a character class; UntranslatablePattern for an unknown property."""
    if name in _POSIX and not is_negated:
        return _POSIX[name]
    prefix = _CATEGORIES.get(name, name)
    table = source.kept("_categories", _categories)
    wanted = [category for category in sorted(table) if category.startswith(prefix)]
    if not wanted:
        raise UntranslatablePattern(f"unknown property {name}")
    if is_negated:
        wanted = [category for category in sorted(table) if not category.startswith(prefix)]
    return "".join(table[category] for category in wanted)


def _categories() -> dict[str, str]:
    """Unicode category → the body of a character class that holds exactly its characters."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for point in range(sys.maxunicode + 1):
        if 0xD800 <= point <= 0xDFFF:
            continue  # lone surrogates are no text
        category = unicodedata.category(chr(point))
        of_category = spans.setdefault(category, [])
        if of_category and of_category[-1][1] == point - 1:
            of_category[-1] = (of_category[-1][0], point)
        else:
            of_category.append((point, point))
    return {
        category: "".join(
            f"\\U{first:08x}" if first == last else f"\\U{first:08x}-\\U{last:08x}"
            for first, last in of_category
        )
        for category, of_category in spans.items()
    }
