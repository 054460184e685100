"""Message attributes as SNS takes them.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pileus.services.sns import errors
from pileus.services.sns.limits import LIMITS

_TYPE = re.compile(r"(String|Number|Binary)(\..+)?")
_NAME_CHARACTER = re.compile(r"[A-Za-z0-9_.-]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")

Attributes = Mapping[str, Mapping[str, Any]]


def check(attributes: Attributes) -> None:
    """Raise ParameterValueInvalid for a name, type or value that SNS does not take."""
    for name, value in attributes.items():
        _check_name(name)
        _check_value(name, value)


def size_bytes(attributes: Attributes) -> int:
    """What attributes count against the size of a message: names, types and values."""
    return sum(
        len(name.encode())
        + len(str(value.get("DataType") or "").encode())
        + len((value.get("StringValue") or "").encode())
        + len(value.get("BinaryValue") or b"")
        for name, value in attributes.items()
    )


def _check_name(name: str) -> None:
    if len(name) > LIMITS.attribute_name_length_max:
        raise errors.invalid_value("Length of message attribute name must be less than 256 bytes.")
    for character in name:
        if not _NAME_CHARACTER.fullmatch(character):
            raise errors.invalid_value(
                f"Invalid non-alphanumeric character '#x{ord(character):X}' was found in the "
                "message attribute name. Can only include alphanumeric characters, hyphens, "
                "underscores, or dots."
            )
    for position, is_dotted in (("starting", name[:1] == "."), ("ending", name[-1:] == ".")):
        if is_dotted:
            raise errors.invalid_value(
                f"Invalid message attribute name {position} with character '.' was found."
            )
    if ".." in name:
        raise errors.invalid_value("Message attribute name can not have successive '.' character.")


def _check_value(name: str, value: Mapping[str, Any]) -> None:
    found = _TYPE.fullmatch(value.get("DataType") or "")
    if found is None:
        raise errors.invalid_value(
            f"The message attribute '{name}' has an invalid message attribute type, the set of "
            "supported type prefixes is Binary, Number, and String."
        )
    field = "Binary" if found[1] == "Binary" else "String"
    other = "String" if field == "Binary" else "Binary"
    content = value.get(f"{field}Value")
    if not content:
        if value.get(f"{other}Value"):
            raise errors.invalid_value(
                f"The message attribute '{name}' with type '{value['DataType']}' must use field "
                f"'{field}'."
            )
        raise errors.invalid_value(
            f"The message attribute '{name}' must contain non-empty message attribute value for "
            f"message attribute type '{value['DataType']}'."
        )
    if found[1] == "Number" and not _NUMBER.fullmatch(content):
        raise errors.invalid_value(f"Could not cast message attribute '{name}' value to number.")
