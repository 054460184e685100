"""Names as requests give them."""

from __future__ import annotations


def short_name(name_or_arn: str) -> str:
    """The name that an ARN ends in, or the name itself."""
    return name_or_arn.rpartition("/")[2] if name_or_arn.startswith("arn:") else name_or_arn
