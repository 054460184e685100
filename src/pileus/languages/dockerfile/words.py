"""What follows an instruction's name: words, ``KEY=value`` pairs, the exec form."""

from __future__ import annotations

import json


def exec_form(value: str) -> list[str] | None:
    """The strings of ``["a", "b"]``; None for anything else, which is the shell form."""
    if not value.lstrip().startswith("["):
        return None
    try:
        found = json.loads(value)
    except ValueError:
        return None
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        return None
    return found


def words(value: str, escape: str = "\\") -> list[str]:
    """Split at blanks outside quotes; quotes and escapes stay, for the expansion to read.

    Raises:
        ValueError: a quote without its end.
    """
    found: list[str] = []
    word = ""
    quote = ""
    at = 0
    while at < len(value):
        character = value[at]
        at += 1
        if character == escape and quote != "'" and at < len(value):
            word += character + value[at]
            at += 1
        elif quote:
            word += character
            if character == quote:
                quote = ""
        elif character in "\"'":
            quote = character
            word += character
        elif character.isspace():
            if word:
                found.append(word)
            word = ""
        else:
            word += character
    if quote:
        raise ValueError(f"a quote ({quote}) has no end")
    return [*found, word] if word else found


def assignments(value: str, escape: str = "\\", *, has_old_form: bool) -> list[tuple[str, str]]:
    """``KEY=value …``; with ``has_old_form`` also ``KEY the rest of the line``.

    Raises:
        ValueError: a word without ``=``.
    """
    found = words(value, escape)
    if has_old_form and found and "=" not in found[0]:
        key, _, rest = value.strip().partition(" ")
        if not rest.strip():
            raise ValueError(f"{key} has no value")
        return [(key, rest.strip())]
    pairs = []
    for word in found:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise ValueError(f"{word!r} is not KEY=value")
        pairs.append((key, text))
    return pairs
