"""Amazon Resource Names, split and joined. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""

from __future__ import annotations

import msgspec


class Arn(msgspec.Struct, frozen=True):
    """``arn:partition:service:region:account:resource``; the resource may hold further colons."""

    service: str
    region: str
    account: str
    resource: str
    partition: str = "aws"

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"

    @staticmethod
    def parse(text: str) -> Arn:
        """Split an ARN.

        Raises:
            ValueError: when the text does not have six colon-separated parts beginning ``arn``.
        """
        parts = text.split(":", 5)
        if len(parts) != 6 or parts[0] != "arn":
            raise ValueError(f"not an ARN: {text!r}")
        return Arn(parts[2], parts[3], parts[4], parts[5], parts[1])


def is_arn(text: str) -> bool:
    """True when ``text`` has the six parts of an ARN."""
    return text.startswith("arn:") and text.count(":") >= 5
