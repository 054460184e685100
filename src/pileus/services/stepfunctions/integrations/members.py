"""Arguments and answers of operations in the spelling that state machines use.

Members begin with a capital letter whatever the service calls them; times are text, and bytes are
the text they stand for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pileus.languages.asl.json_text import encode
from pileus.languages.asl.timestamps import format_timestamp, parse_timestamp_ns
from pileus.shapes.model import Member, Shape
from pileus.values.times import epoch_ms, utc

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


class UnknownMember(Exception):
    """A name that the operation does not know."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def class_name(service_id: str) -> str:
    """How the SDK spells a service in the names of errors: ``DynamoDb``, ``CloudWatchLogs``."""
    return "".join(word[:1].upper() + word[1:].lower() for word in _WORDS.findall(service_id))


def capital(name: str) -> str:
    """The name as state machines spell it."""
    return name[:1].upper() + name[1:]


def to_wire(shape: Shape | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as the door takes them.

    Raises:
        UnknownMember: for a name that is none of the shape's.
    """
    by_name = {capital(name): each for name, each in (shape.members if shape else {}).items()}
    found: dict[str, Any] = {}
    for name, value in given.items():
        member = by_name.get(capital(name))
        if member is None:
            raise UnknownMember(name)
        if value is not None:
            found[member.name] = _value_to_wire(member, value)
    return found


def _value_to_wire(member: Member, value: Any) -> Any:
    shape = member.shape
    if shape.is_document:
        return value
    if shape.kind == "structure" and isinstance(value, dict):
        return to_wire(shape, value)
    if shape.kind == "list" and isinstance(value, list) and shape.element is not None:
        return [_value_to_wire(shape.element, each) for each in value]
    if shape.kind == "map" and isinstance(value, dict) and shape.value is not None:
        return {key: _value_to_wire(shape.value, each) for key, each in value.items()}
    if shape.kind == "blob":
        return (value if isinstance(value, str) else encode(value)).encode()
    if shape.kind == "string" and isinstance(value, dict | list):
        return encode(value)
    if shape.kind == "timestamp":
        return _moment(value)
    return value


def _moment(value: Any) -> Any:
    if isinstance(value, str) and (at_ns := parse_timestamp_ns(value)) is not None:
        return utc(at_ns // 1_000_000)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return utc(round(value * 1000))
    return value


def from_wire(shape: Shape | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """An answer as state machines see it."""
    known = shape.members if shape is not None else {}
    return {
        capital(name): _value_from_wire(known[name], value)
        for name, value in given.items()
        if name in known and value is not None
    }


def _value_from_wire(member: Member, value: Any) -> Any:
    shape = member.shape
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, datetime):
        return format_timestamp(epoch_ms(value))
    if shape.kind == "structure" and isinstance(value, Mapping):
        return from_wire(shape, value)
    if shape.kind == "list" and shape.element is not None and isinstance(value, list | tuple):
        return [_value_from_wire(shape.element, each) for each in value]
    if shape.kind == "map" and shape.value is not None and isinstance(value, Mapping):
        return {key: _value_from_wire(shape.value, each) for key, each in value.items()}
    return value
