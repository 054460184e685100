"""The parameters that came before expressions, translated to the same closures.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LegacyConditionalParameters.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pileus.languages.dynamodb.attribute_values import (
    SET_TYPES,
    AttributeValue,
    Item,
    equal,
    type_of,
    validated,
)
from pileus.languages.dynamodb.conditions import ORDERINGS, ItemTest, begins_with, contains
from pileus.languages.dynamodb.errors import INVALID_PARAMETERS, InvalidRequest
from pileus.languages.dynamodb.key_conditions import KeyCondition, SortCondition
from pileus.languages.dynamodb.updates import (
    Step,
    Update,
    add_step,
    delete_step,
    remove_step,
    set_step,
)

Conditions = Mapping[str, Mapping[str, Any]]
_Found = AttributeValue | None

_SCALARS = frozenset({"S", "N", "B"})
# Operator: how many values it takes (None: one or more), and of which types (None: any).
_OPERATORS: dict[str, tuple[int | None, frozenset[str] | None]] = {
    "EQ": (1, None),
    "NE": (1, None),
    "IN": (None, _SCALARS),
    "LE": (1, _SCALARS),
    "LT": (1, _SCALARS),
    "GE": (1, _SCALARS),
    "GT": (1, _SCALARS),
    "BETWEEN": (2, _SCALARS),
    "NOT_NULL": (0, None),
    "NULL": (0, None),
    "CONTAINS": (1, None),
    "NOT_CONTAINS": (1, None),
    "BEGINS_WITH": (1, frozenset({"S", "B"})),
}
_ORDER_SYMBOLS = {"LE": "<=", "LT": "<", "GE": ">=", "GT": ">"}
_KEY_SYMBOLS = {**_ORDER_SYMBOLS, "EQ": "=", "BETWEEN": "BETWEEN", "BEGINS_WITH": "begins_with"}


def check_not_mixed(legacy: Sequence[str], expressions: Sequence[str]) -> None:
    """Raise InvalidRequest when a request carries parameters of both kinds, given by name."""
    if legacy and expressions:
        raise InvalidRequest(
            "Can not use both expression and non-expression parameters in the same request: "
            f"Non-expression parameters: {{{', '.join(legacy)}}} "
            f"Expression parameters: {{{', '.join(expressions)}}}"
        )


def compile_filter(conditions: Conditions, conditional_operator: str | None = None) -> ItemTest:
    """Compile ``QueryFilter`` or ``ScanFilter``.

    Raises:
        InvalidRequest: for wrong operators, counts or types.
    """
    _check_conditional_operator(conditions, conditional_operator)
    tests = [
        _attribute_test(name, *_operator_and_values(condition))
        for name, condition in conditions.items()
    ]
    return _joined(tests, conditional_operator)


def compile_expected(expected: Conditions, conditional_operator: str | None = None) -> ItemTest:
    """Compile ``Expected``.

    Raises:
        InvalidRequest: for contradicting members, wrong operators, counts or types.
    """
    _check_conditional_operator(expected, conditional_operator)
    tests = [_expectation(name, condition) for name, condition in expected.items()]
    return _joined(tests, conditional_operator)


def compile_key_conditions(conditions: Conditions) -> KeyCondition:
    """Compile ``KeyConditions``.

    Raises:
        InvalidRequest: for more than two conditions, or operators no index can serve.
    """
    if not 1 <= len(conditions) <= 2:
        raise InvalidRequest("Conditions can be of length 1 or 2 only")
    by_name = {}
    for name, condition in conditions.items():
        operator, values = _operator_and_values(condition)
        if operator not in _KEY_SYMBOLS:
            raise InvalidRequest("Attempted conditional constraint is not an indexable operation")
        by_name[name] = SortCondition(_KEY_SYMBOLS[operator], tuple(values))
    return KeyCondition(by_name)


def compile_attribute_updates(updates: Conditions) -> Update:
    """Compile ``AttributeUpdates``.

    Raises:
        InvalidRequest: when an action does not take the value given.
    """
    steps = [_update_step(name, update) for name, update in updates.items()]
    return Update([(name,) for name in updates], steps)


# --- conditions ---------------------------------------------------------------------------------


def _check_conditional_operator(conditions: Conditions, operator: str | None) -> None:
    if operator is None:
        return
    if not conditions:
        raise InvalidRequest("ConditionalOperator cannot be used without Filter or Expected")
    if len(conditions) == 1:
        raise InvalidRequest(
            "ConditionalOperator can only be used when Filter or Expected has two or more elements"
        )


def _joined(tests: list[ItemTest], operator: str | None) -> ItemTest:
    if operator == "OR":
        return lambda item: any(test(item) for test in tests)
    return lambda item: all(test(item) for test in tests)


def _operator_and_values(condition: Mapping[str, Any]) -> tuple[str, list[AttributeValue]]:
    operator = str(condition["ComparisonOperator"])
    if operator not in _OPERATORS:
        raise InvalidRequest(f"Unsupported ComparisonOperator: {operator}")
    given = condition.get("AttributeValueList")
    if given is None:
        given = [condition["Value"]] if condition.get("Value") is not None else []
    values = [validated(value) for value in given]
    count, kinds = _OPERATORS[operator]
    if (len(values) != count) if count is not None else not values:
        raise InvalidRequest(
            f"{INVALID_PARAMETERS}Invalid number of argument(s) for the {operator} "
            "ComparisonOperator"
        )
    for value in values:
        kind = type_of(value)
        if kinds is not None and kind not in kinds:
            raise InvalidRequest(
                f"{INVALID_PARAMETERS}ComparisonOperator {operator} is not valid for {kind} "
                "AttributeValue type"
            )
    if len({type_of(value) for value in values}) > 1:
        raise InvalidRequest(
            f"{INVALID_PARAMETERS}AttributeValues inside AttributeValueList must be of same type"
        )
    if operator == "BETWEEN" and not ORDERINGS["<="](values[0], values[1]):
        raise InvalidRequest(
            "The BETWEEN condition was provided a range where the lower bound is greater than the "
            "upper bound"
        )
    return operator, values


def _attribute_test(name: str, operator: str, values: list[AttributeValue]) -> ItemTest:
    test = _value_test(operator, values)
    return lambda item: test(item.get(name))


def _value_test(operator: str, values: list[AttributeValue]) -> Callable[[_Found], bool]:
    """A test of an attribute's value, None when the item has no such attribute."""
    if operator == "NULL":
        return lambda found: found is None
    if operator == "NOT_NULL":
        return lambda found: found is not None
    if operator == "IN":
        return lambda found: found is not None and any(equal(found, each) for each in values)
    first = values[0]
    if operator == "NE":
        return lambda found: found is None or not equal(found, first)
    if operator == "NOT_CONTAINS":
        return lambda found: found is None or not contains(found, first)
    if operator == "EQ":
        return lambda found: found is not None and equal(found, first)
    if operator == "CONTAINS":
        return lambda found: found is not None and contains(found, first)
    if operator == "BEGINS_WITH":
        return lambda found: found is not None and begins_with(found, first)
    if operator == "BETWEEN":
        last, least, most = values[1], ORDERINGS[">="], ORDERINGS["<="]
        return lambda found: found is not None and least(found, first) and most(found, last)
    order = ORDERINGS[_ORDER_SYMBOLS[operator]]
    return lambda found: found is not None and order(found, first)


def _expectation(name: str, condition: Mapping[str, Any]) -> ItemTest:
    exists, value = condition.get("Exists"), condition.get("Value")
    values = condition.get("AttributeValueList")
    if condition.get("ComparisonOperator") is not None:
        if exists is not None:
            raise _contradiction(
                f"Exists and ComparisonOperator cannot be used together for Attribute: {name}"
            )
        if values is not None and value is not None:
            raise _contradiction(
                f"Value and AttributeValueList cannot be used together for Attribute: {name}"
            )
        return _attribute_test(name, *_operator_and_values(condition))
    if values is not None:
        raise _contradiction(
            f"AttributeValueList can only be used with a ComparisonOperator for Attribute: {name}"
        )
    if exists is False:
        if value is not None:
            raise _contradiction(f"Value cannot be used when Exists is false for Attribute: {name}")
        return lambda item: name not in item
    if value is None:
        shown = "null" if exists is None else "true"
        raise _contradiction(f"Value must be provided when Exists is {shown} for Attribute: {name}")
    return _attribute_test(name, "EQ", [validated(value)])


def _contradiction(message: str) -> InvalidRequest:
    return InvalidRequest(f"{INVALID_PARAMETERS}{message}")


# --- updates ------------------------------------------------------------------------------------


def _update_step(name: str, update: Mapping[str, Any]) -> Step:
    action, given = update.get("Action", "PUT"), update.get("Value")
    path = (name,)
    if given is None:
        if action != "DELETE":
            raise _contradiction(
                "Only DELETE action is allowed when no attribute value is specified"
            )
        return remove_step(path)
    value = validated(given)
    kind = type_of(value)
    if action == "PUT":
        return set_step(path, lambda _item: value)
    if action == "DELETE":
        if kind not in SET_TYPES:
            raise _contradiction(f"DELETE action with value is not supported for the type {kind}")
        return _typed(name, kind, delete_step(path, value))
    if kind == "L":
        return _typed(
            name,
            kind,
            set_step(path, lambda old: {"L": old.get(name, {"L": []})["L"] + value["L"]}),
        )
    if kind != "N" and kind not in SET_TYPES:
        raise _contradiction(f"ADD action is not supported for the type {kind}")
    return _typed(name, kind, add_step(path, value))


def _typed(name: str, kind: str, step: Step) -> Step:
    """The step, refused when the attribute is there with another type."""

    def guarded(old: Item, new: Item) -> None:
        if name in old and kind not in old[name]:
            raise InvalidRequest("Type mismatch for attribute to update")
        step(old, new)

    return guarded
