"""Passwords and other characters drawn by chance.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html
"""

from __future__ import annotations

import hashlib
import hmac
import string
from collections.abc import Callable, Mapping
from typing import Any

from pileus.kernel.calls import Call
from pileus.services.secretsmanager import errors
from pileus.services.secretsmanager.limits import LIMITS
from pileus.services.secretsmanager.model import SUFFIX_LENGTH

Draw = Callable[[int], bytes]
"""That many random bytes."""
_KINDS = (
    ("ExcludeLowercase", string.ascii_lowercase),
    ("ExcludeUppercase", string.ascii_uppercase),
    ("ExcludeNumbers", string.digits),
    ("ExcludePunctuation", string.punctuation),
)
_WORD_BYTES = 4


def suffix(call: Call) -> str:
    """The six characters at the end of an ARN."""
    letters = string.ascii_letters + string.digits
    return "".join(_chosen(call.random_bytes, letters) for _ in range(SUFFIX_LENGTH))


def password(draw: Draw, rules: Mapping[str, Any]) -> str:
    """A password by the rules of GetRandomPassword; raises InvalidParameterException."""
    length = int(rules.get("PasswordLength") or LIMITS.password_length)
    excluded = set(rules.get("ExcludeCharacters") or "")
    kinds = [characters for member, characters in _KINDS if not rules.get(member)]
    if rules.get("IncludeSpace"):
        kinds.append(" ")
    kinds = ["".join(c for c in characters if c not in excluded) for characters in kinds]
    kinds = [characters for characters in kinds if characters]
    if not kinds:
        raise errors.no_characters()
    drawn: list[str] = []
    if rules.get("RequireEachIncludedType", True):
        if length < len(kinds):
            raise errors.password_too_short()
        drawn = [_chosen(draw, characters) for characters in kinds]
    every = "".join(kinds)
    drawn += [_chosen(draw, every) for _ in range(length - len(drawn))]
    return "".join(_shuffled(draw, drawn))


def _below(draw: Draw, limit: int) -> int:
    """A number below ``limit``, every one as likely as the others."""
    span = 256**_WORD_BYTES
    fair = span - span % limit
    while True:
        number = int.from_bytes(draw(_WORD_BYTES))
        if number < fair:
            return number % limit


def _chosen(draw: Draw, characters: str) -> str:
    return characters[_below(draw, len(characters))]


def _shuffled(draw: Draw, items: list[str]) -> list[str]:
    for last in range(len(items) - 1, 0, -1):
        other = _below(draw, last + 1)
        items[last], items[other] = items[other], items[last]
    return items


def repeatable_draw(key: bytes, label: str) -> Draw:
    """Bytes that nobody without ``key`` can tell, the same again for the same label.

    For work that may be repeated after a crash and must then come to the same password.
    """
    count = 0

    def draw(size: int) -> bytes:
        nonlocal count
        found = b""
        while len(found) < size:
            found += hmac.digest(key, f"{label}:{count}".encode(), hashlib.sha256)
            count += 1
        return found[:size]

    return draw
