"""Condition and filter expressions as closures over items.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from pileus.languages.dynamodb.attribute_values import (
    SET_TYPES,
    AttributeValue,
    Item,
    equal,
    sort_value,
    type_of,
)
from pileus.languages.dynamodb.condition_checks import read_checked_condition
from pileus.languages.dynamodb.errors import InvalidRequest
from pileus.languages.dynamodb.paths import path_reader
from pileus.languages.dynamodb.placeholders import Placeholders
from pileus.languages.dynamodb.syntax import (
    Call,
    Comparison,
    Condition,
    Logical,
    Operand,
    Path,
    Reference,
    SyntaxProblem,
)

ItemTest = Callable[[Item], bool]
ItemReader = Callable[[Item], "AttributeValue | None"]
ValueTest = Callable[[AttributeValue, AttributeValue], bool]

_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compile_condition(
    text: str, placeholders: Placeholders, *, kind: str = "ConditionExpression"
) -> ItemTest:
    """Compile a condition or filter expression.

    Args:
        kind: the parameter's name, for messages (``FilterExpression``).
    Returns:
        A test of an item; pass ``{}`` for an item that does not exist.
    Raises:
        InvalidRequest: ``Invalid <kind>: …`` with DynamoDB's reason.
    """
    try:
        return _condition(read_checked_condition(text, placeholders), placeholders)
    except SyntaxProblem as problem:
        raise InvalidRequest(f"Invalid {kind}: {problem}") from None


def _condition(node: Condition, placeholders: Placeholders) -> ItemTest:
    if isinstance(node, Logical):
        return _logical(node, placeholders)
    if isinstance(node, Call):
        return _function(node, placeholders)
    return _comparison(node, placeholders)


def _logical(node: Logical, placeholders: Placeholders) -> ItemTest:
    tests = tuple(_condition(part, placeholders) for part in node.parts)
    if node.operator == "NOT":
        negated = tests[0]
        return lambda item: not negated(item)
    if node.operator == "AND":
        return lambda item: all(test(item) for test in tests)
    return lambda item: any(test(item) for test in tests)


def operand_reader(operand: Operand, placeholders: Placeholders) -> ItemReader:
    """A function giving the operand's value for an item, None when it has none."""
    if isinstance(operand, Reference):
        value = placeholders.value(operand.name)
        return lambda _item: value
    if isinstance(operand, Path):
        return path_reader(placeholders.path(operand))
    read = operand_reader(operand.arguments[0], placeholders)

    def size(item: Item) -> AttributeValue | None:
        found = read(item)
        count = None if found is None else _size(found)
        return None if count is None else {"N": str(count)}

    return size


def _size(value: AttributeValue) -> int | None:
    kind = type_of(value)
    content = value[kind]
    if kind == "S":
        # DynamoDB counts UTF-16 code units, as Java's strings do.
        return len(content) + sum(1 for char in content if ord(char) > 0xFFFF)
    return len(content) if kind in ("B", "SS", "NS", "BS", "L", "M") else None


def _comparison(node: Comparison, placeholders: Placeholders) -> ItemTest:
    first, *others = (operand_reader(each, placeholders) for each in node.operands)
    if node.operator == "=":
        other = others[0]
        return lambda item: _both(first(item), other(item), equal)
    if node.operator == "<>":
        other = others[0]
        # An attribute that does not exist differs from everything.
        return lambda item: not _both(first(item), other(item), equal)
    if node.operator == "IN":
        return lambda item: any(_both(first(item), each(item), equal) for each in others)
    if node.operator == "BETWEEN":
        low, high = others
        return lambda item: (
            _both(first(item), low(item), at_least) and _both(first(item), high(item), at_most)
        )
    other, test = others[0], ORDERINGS[node.operator]
    return lambda item: _both(first(item), other(item), test)


def _both(left: AttributeValue | None, right: AttributeValue | None, test: ValueTest) -> bool:
    return left is not None and right is not None and test(left, right)


def _ordering(symbol: str) -> ValueTest:
    order = _ORDERS[symbol]

    def test(left: AttributeValue, right: AttributeValue) -> bool:
        if type_of(left) != type_of(right):
            return False
        value = sort_value(left)
        return value is not None and order(value, sort_value(right))

    return test


ORDERINGS: dict[str, ValueTest] = {symbol: _ordering(symbol) for symbol in _ORDERS}
at_least, at_most = ORDERINGS[">="], ORDERINGS["<="]


def begins_with(value: AttributeValue, prefix: AttributeValue) -> bool:
    """Whether a string or binary begins with another of its type."""
    kind = type_of(value)
    return kind in ("S", "B") and kind in prefix and value[kind].startswith(prefix[kind])


def contains(value: AttributeValue, part: AttributeValue) -> bool:
    """Whether a string or binary has a part, a set an element of its type, a list an element."""
    kind = type_of(value)
    if kind in ("S", "B"):
        return kind in part and part[kind] in value[kind]
    if kind in SET_TYPES:
        element = kind[0]
        return element in part and any(equal({element: each}, part) for each in value[kind])
    return kind == "L" and any(equal(each, part) for each in value["L"])


def _function(node: Call, placeholders: Placeholders) -> ItemTest:
    read = operand_reader(node.arguments[0], placeholders)
    if node.name == "attribute_exists":
        return lambda item: read(item) is not None
    if node.name == "attribute_not_exists":
        return lambda item: read(item) is None
    argument = operand_reader(node.arguments[1], placeholders)
    if node.name == "attribute_type":
        return lambda item: _both(read(item), argument(item), _has_type)
    test = begins_with if node.name == "begins_with" else contains
    return lambda item: _both(read(item), argument(item), test)


def _has_type(value: AttributeValue, name: AttributeValue) -> bool:
    return name.get("S") == type_of(value)
