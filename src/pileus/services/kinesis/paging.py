"""Tokens of listings, good for five minutes."""

from __future__ import annotations

from pileus.kernel.calls import Call
from pileus.services.kinesis import errors, tokens
from pileus.services.kinesis.limits import LIMITS
from pileus.services.kinesis.tokens import Page


def sealed(call: Call, what: str, after: str) -> str:
    """A NextToken: the listing ``what`` goes on after ``after``."""
    return tokens.seal(call, Page(what, after, call.now_ms))


def opened(call: Call, token: str) -> tuple[str, str]:
    """What :func:`sealed` was told.

    Raises:
        ServiceError: ExpiredNextTokenException, InvalidArgumentException.
    """
    page = tokens.opened(call, token, Page)
    if page is None:
        raise errors.invalid_token()
    if call.now_ms - page.issued_ms > LIMITS.token_ms:
        raise errors.token_expired()
    return page.what, page.after
