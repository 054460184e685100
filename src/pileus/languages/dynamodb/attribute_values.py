"""Attribute values: validity, equality, order, size.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
and .../CapacityUnitCalculations.html (sizes).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from pileus.languages.dynamodb.errors import INVALID_PARAMETERS, EmptyKey, InvalidRequest
from pileus.languages.dynamodb.numbers import (
    normal_form,
    number_order_key,
    number_size_bytes,
    parse_number,
)

AttributeValue = dict[str, Any]
Item = dict[str, AttributeValue]

TYPES: Final = ("B", "NULL", "SS", "BOOL", "L", "BS", "N", "NS", "S", "M")
SET_TYPES: Final = frozenset({"SS", "NS", "BS"})
ITEM_SIZE_BYTES_MAX: Final = 400 * 1024
PARTITION_KEY_BYTES_MAX: Final = 2048
SORT_KEY_BYTES_MAX: Final = 1024
NESTING_MAX: Final = 32


def type_of(value: Mapping[str, Any]) -> str:
    """The type descriptor of a valid attribute value."""
    return next(iter(value))


# --- validity -----------------------------------------------------------------------------------


def validated(value: Mapping[str, Any]) -> AttributeValue:
    """A copy of a client's attribute value with numbers in normal form.

    Raises:
        InvalidRequest: with DynamoDB's sentence, when it is not a legal value.
    """
    return _validated(value, 0)


def validated_item(item: Mapping[str, Mapping[str, Any]]) -> Item:
    """:func:`validated` for every attribute, and the limit of 400 KB for the whole.

    Raises:
        InvalidRequest: as :func:`validated`, or when the item is too large.
    """
    checked = {name: _validated(value, 0) for name, value in item.items()}
    check_item_size(checked)
    return checked


def check_item_size(item: Item, message: str = "Item size") -> None:
    """Raise InvalidRequest when an item exceeds 400 KB; updates say ``Item size to update``."""
    if item_size_bytes(item) > ITEM_SIZE_BYTES_MAX:
        raise InvalidRequest(f"{message} has exceeded the maximum allowed size")


def _validated(value: Mapping[str, Any], depth: int) -> AttributeValue:
    present = [kind for kind in value if value[kind] is not None]
    if not present:
        raise InvalidRequest(
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
        )
    if depth > NESTING_MAX:
        raise InvalidRequest("Nesting Levels have exceeded supported limits")
    kind = present[0]
    checker = _CHECKERS.get(kind)
    if checker is None:
        raise InvalidRequest(
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
        )
    result = {kind: checker(value[kind], depth)}
    if len(present) > 1:
        raise InvalidRequest(
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of "
            "the supported datatypes"
        )
    return result


def _same(content: Any, _depth: int) -> Any:
    return content


def _number(content: str, _depth: int) -> str:
    return normal_form(content)


def _null(content: Any, _depth: int) -> bool:
    if content is not True:
        raise InvalidRequest(
            f"{INVALID_PARAMETERS}Null attribute value types must have the value of true"
        )
    return True


def _string_set(content: list[str], _depth: int) -> list[str]:
    if not content:
        raise InvalidRequest(f"{INVALID_PARAMETERS}An string set  may not be empty")
    if len(set(content)) != len(content):
        raise InvalidRequest(
            f"{INVALID_PARAMETERS}Input collection [{', '.join(content)}] contains duplicates."
        )
    return list(content)


def _number_set(content: list[str], _depth: int) -> list[str]:
    if not content:
        raise InvalidRequest(f"{INVALID_PARAMETERS}An number set  may not be empty")
    numbers = [normal_form(text) for text in content]
    if len(set(numbers)) != len(numbers):
        raise InvalidRequest("Input collection contains duplicates")
    return numbers


def _binary_set(content: list[bytes], _depth: int) -> list[bytes]:
    if not content:
        raise InvalidRequest(f"{INVALID_PARAMETERS}Binary sets should not be empty")
    if len(set(content)) != len(content):
        shown = ", ".join(base64.b64encode(element).decode() for element in content)
        raise InvalidRequest(
            f"{INVALID_PARAMETERS}Input collection [{shown}]of type BS contains duplicates."
        )
    return list(content)


def _list(content: list[Mapping[str, Any]], depth: int) -> list[AttributeValue]:
    return [_validated(element, depth + 1) for element in content]


def _map(content: Mapping[str, Mapping[str, Any]], depth: int) -> Item:
    return {name: _validated(element, depth + 1) for name, element in content.items()}


_CHECKERS: dict[str, Callable[[Any, int], Any]] = {
    "S": _same,
    "N": _number,
    "B": _same,
    "BOOL": _same,
    "NULL": _null,
    "SS": _string_set,
    "NS": _number_set,
    "BS": _binary_set,
    "L": _list,
    "M": _map,
}


def check_key_value(name: str, value: AttributeValue, *, is_partition: bool) -> None:
    """Check the length of a key attribute.

    Raises:
        InvalidRequest: when it is empty, or longer than 2048 (partition) or 1024 bytes (sort).
    """
    kind = type_of(value)
    if kind in ("S", "B") and not value[kind]:
        word = "string" if kind == "S" else "binary"
        raise EmptyKey(
            "One or more parameter values are not valid. The AttributeValue for a key attribute "
            f"cannot contain an empty {word} value. Key: {name}"
        )
    size = value_size_bytes(value)
    if is_partition and size > PARTITION_KEY_BYTES_MAX:
        raise InvalidRequest(
            f"{INVALID_PARAMETERS}Size of hashkey has exceeded the maximum size limit of2048 bytes"
        )
    if not is_partition and size > SORT_KEY_BYTES_MAX:
        raise InvalidRequest(
            f"{INVALID_PARAMETERS}Aggregated size of all range keys has exceeded the size limit of "
            "1024 bytes"
        )


# --- equality and order -------------------------------------------------------------------------


def equal(left: AttributeValue, right: AttributeValue) -> bool:
    """Whether two values are of one type and equal; sets without regard to order."""
    kind = type_of(left)
    if kind not in right:
        return False
    one, other = left[kind], right[kind]
    if one == other:
        return True
    if kind == "N":
        return parse_number(one) == parse_number(other)
    if kind == "NS":
        return {parse_number(n) for n in one} == {parse_number(n) for n in other}
    if kind in SET_TYPES:
        return set(one) == set(other)
    if kind == "L":
        return len(one) == len(other) and all(map(equal, one, other))
    if kind == "M":
        return one.keys() == other.keys() and all(equal(one[name], other[name]) for name in one)
    return False


def sort_value(value: AttributeValue) -> Any:
    """Something comparable within one type, or None for types without order.

    Strings compare by their UTF-8 bytes, which is the order of code points as in Python.
    """
    kind = type_of(value)
    if kind == "N":
        return parse_number(value["N"])
    return value[kind] if kind in ("S", "B") else None


def order_key(value: AttributeValue) -> bytes:
    """Bytes that sort as key attributes of one type do (S by UTF-8, N by value, B unsigned).

    Raises:
        ValueError: for a type that cannot be a key.
    """
    if "S" in value:
        return bytes(value["S"].encode())
    if "N" in value:
        return number_order_key(value["N"])
    if "B" in value:
        return bytes(value["B"])
    raise ValueError(f"not a key type: {type_of(value)}")


# --- size ---------------------------------------------------------------------------------------


def item_size_bytes(item: Mapping[str, AttributeValue]) -> int:
    """The size of an item as DynamoDB counts it: names and values."""
    return sum(len(name.encode()) + value_size_bytes(value) for name, value in item.items())


def value_size_bytes(value: AttributeValue) -> int:
    """The size of one value; lists and maps add 3 bytes, and one for each element."""
    kind = type_of(value)
    content = value[kind]
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        return number_size_bytes(content)
    if kind == "B":
        return len(content)
    if kind in ("BOOL", "NULL"):
        return 1
    if kind == "L":
        return 3 + sum(1 + value_size_bytes(element) for element in content)
    if kind == "M":
        return 3 + len(content) + item_size_bytes(content)
    return _sum(content, kind[0])


def _sum(elements: Iterable[Any], kind: str) -> int:
    return sum(value_size_bytes({kind: element}) for element in elements)
