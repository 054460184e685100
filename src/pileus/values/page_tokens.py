"""Tokens by which a client asks for the next page of a listing.

A token is the Base64 of a place: a position in a listing, or the last name of the page before. AWS documents its
tokens as opaque, so each room words the refusal of a wrong one itself.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def page_token(place: str | int) -> str:
    """The token of a place."""
    return base64.b64encode(str(place).encode()).decode()


def parse_page_token(token: str | None) -> str:
    """The place, or an empty string where there is no token; raises ValueError."""
    return base64.b64decode(token or "", validate=True).decode()


def parse_position(token: str | None) -> int:
    """The position, or 0 where there is no token; raises ValueError."""
    text = parse_page_token(token)
    if text and not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return int(text or 0)


def cut_page(items: Sequence[T], token: str | None, limit: int) -> tuple[list[T], str | None]:
    """At most ``limit`` items from the token's position on, and the next token; raises ValueError."""
    at = parse_position(token)
    end = at + limit
    return list(items[at:end]), page_token(end) if end < len(items) else None
