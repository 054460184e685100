"""Continuation tokens. https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html"""

from __future__ import annotations

from pileus.services.s3 import errors
from pileus.values.page_tokens import page_token, parse_page_token

_MARK = "\1"
"""Before each place, so that an arbitrary Base64 text is not taken for a token."""


def token_after(name: str) -> str:
    """The token that goes on after ``name``."""
    return page_token(_MARK + name)


def name_of(token: str) -> str:
    """The name a token goes on after; raises InvalidArgument."""
    try:
        place = parse_page_token(token)
        if not place.startswith(_MARK):
            raise ValueError(token)
    except ValueError:
        raise errors.invalid_argument(
            "The continuation token provided is incorrect", "continuation-token", token
        ) from None
    return place.removeprefix(_MARK)
