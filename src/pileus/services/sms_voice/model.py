"""Phone numbers as records.

``number, id``   PhoneNumber
"""

from __future__ import annotations

from typing import Any

import msgspec

from pileus.kernel.records import RecordCodec
from pileus.values.errors import ServiceError


class PhoneNumber(msgspec.Struct, kw_only=True):
    """A number of the account; inbound texts go to ``channel_arn`` when ``is_two_way``."""

    id: str
    number: str
    country: str
    message_type: str
    capabilities: list[str]
    number_type: str
    created_ms: int
    is_two_way: bool = False
    channel_arn: str = ""
    channel_role: str = ""
    tags: dict[str, str] = {}


NUMBERS = RecordCodec(PhoneNumber)


def numbers(state: Any) -> list[PhoneNumber]:
    """Every number of the account and region."""
    return [NUMBERS.decode(raw) for _, raw in state.range(("number",))]


def find_number(state: Any, given: str) -> PhoneNumber:
    """By id, ARN or the number itself; raises ResourceNotFoundException."""
    name = given.rpartition("/")[2]
    for number in numbers(state):
        if name in (number.id, number.number):
            return number
    raise ServiceError(
        "ResourceNotFoundException",
        "The requested resource could not be found.",
        status=404,
        fields={"ResourceType": "phone-number", "ResourceId": given},
    )


def put_number(state: Any, number: PhoneNumber) -> None:
    state.put(("number", number.id), NUMBERS.encode(number))
