"""The many ways to name a function. Pure.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_RequestParameters
"""

from __future__ import annotations

import re
from functools import lru_cache

LATEST = "$LATEST"
_NAME = re.compile(
    r"(?:arn:(?:aws[\w-]*):lambda:(?P<region>[\w-]+):)?(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[A-Za-z0-9_-]+)(?::(?P<qualifier>\$LATEST|[A-Za-z0-9_-]+))?"
)


@lru_cache(maxsize=4096)
def function_name(given: str) -> tuple[str, str]:
    """Name and qualifier (empty when there is none) of a name, partial ARN or ARN."""
    match = _NAME.fullmatch(given)
    if match is None:
        return given, ""
    return match["name"], match["qualifier"] or ""


def home(given: str) -> tuple[str, str]:
    """Region and account that a name says; empty where it says none."""
    match = _NAME.fullmatch(given)
    if match is None:
        return "", ""
    return match["region"] or "", match["account"] or ""


def function_arn(region: str, account: str, name: str, qualifier: str = "") -> str:
    """The ARN, qualified where a qualifier is given."""
    tail = f":{qualifier}" if qualifier else ""
    return f"arn:aws:lambda:{region}:{account}:function:{name}{tail}"


def is_version(qualifier: str) -> bool:
    """True for ``$LATEST`` and numbers; all else are aliases."""
    return qualifier == LATEST or qualifier.isdecimal()
