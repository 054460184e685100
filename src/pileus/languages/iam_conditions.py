"""Condition elements of IAM policies as closures over the request's context.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
and .../reference_policies_condition-logic-multiple-context-keys-or-values.html
"""

from __future__ import annotations

import ipaddress
import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from pileus.languages.iam_patterns import (
    ContextValues,
    Pattern,
    arn_pattern,
    glob_pattern,
    substitute,
)

Condition = Callable[[ContextValues], bool]
_Reader = Callable[[str], Any]


class UnknownOperator(ValueError):
    """A condition operator IAM does not have."""


_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
    "ArnNotEquals": "ArnLike",
    "ArnNotLike": "ArnLike",
}
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
}


def compile_conditions(
    element: Mapping[str, Mapping[str, Any]], *, has_variables: bool
) -> tuple[Condition, ...]:
    """Compile a ``Condition`` element; a request must satisfy every one.

    Raises:
        UnknownOperator: for an operator IAM does not have.
        ValueError: for a value the operator cannot read (a date, an address).
    """
    return tuple(
        _condition(name, key.lower(), _texts(wanted), has_variables=has_variables)
        for name, keys in element.items()
        for key, wanted in keys.items()
    )


def _texts(wanted: Any) -> tuple[str, ...]:
    values = wanted if isinstance(wanted, list) else [wanted]
    return tuple(
        ("true" if value else "false") if isinstance(value, bool) else str(value)
        for value in values
    )


def _condition(name: str, key: str, wanted: tuple[str, ...], *, has_variables: bool) -> Condition:
    quantifier, _, plain = name.rpartition(":")
    if quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise UnknownOperator(name)
    if plain == "Null":
        return _null(key, wanted)
    is_optional = plain.endswith("IfExists")
    base = plain.removesuffix("IfExists")
    is_negated = base in _NEGATED
    base = _NEGATED.get(base, base)
    tests = tuple(_test(base, text, has_variables=has_variables) for text in wanted)

    def satisfies(value: str, context: ContextValues) -> bool:
        return any(test(value, context) for test in tests) != is_negated

    if quantifier == "ForAllValues":
        return lambda context: all(satisfies(each, context) for each in context.get(key, ()))
    if quantifier == "ForAnyValue":

        def any_value(context: ContextValues) -> bool:
            values = context.get(key, ())
            if not values:
                return is_optional
            return any(satisfies(each, context) for each in values)

        return any_value

    def single_value(context: ContextValues) -> bool:
        values = context.get(key, ())
        if not values:
            # A key that is not there differs from everything.
            return is_optional or is_negated
        if is_negated:
            return all(satisfies(each, context) for each in values)
        return any(satisfies(each, context) for each in values)

    return single_value


def _null(key: str, wanted: tuple[str, ...]) -> Condition:
    absent = {text.lower() == "true" for text in wanted}
    return lambda context: (not context.get(key)) in absent


def _test(name: str, text: str, *, has_variables: bool) -> Pattern:
    """The test of one context value against one value of the policy."""
    if name == "StringLike":
        return glob_pattern(text, has_variables=has_variables)
    if name in ("ArnEquals", "ArnLike"):
        return arn_pattern(text, has_variables=has_variables)
    if name in ("StringEquals", "StringEqualsIgnoreCase", "BinaryEquals"):
        return _text_test(text, has_variables=has_variables, ignore_case="Ignore" in name)
    if name == "Bool":
        lowered = text.lower()
        return lambda value, _context: value.lower() == lowered
    if name == "IpAddress":
        return _address_test(text)
    for prefix, read in (("Numeric", _number), ("Date", _date)):
        if name.startswith(prefix) and name.removeprefix(prefix) in _ORDERS:
            return _ordered_test(_ORDERS[name.removeprefix(prefix)], text, read)
    raise UnknownOperator(name)


def _text_test(text: str, *, has_variables: bool, ignore_case: bool) -> Pattern:
    def fold(value: str) -> str:
        return value.lower() if ignore_case else value

    if has_variables and "${" in text:

        def filled(value: str, context: ContextValues) -> bool:
            wanted = substitute(text, context, str)
            return wanted is not None and fold(wanted) == fold(value)

        return filled
    folded = fold(text)
    return lambda value, _context: fold(value) == folded


def _ordered_test(order: Callable[[Any, Any], bool], text: str, read: _Reader) -> Pattern:
    bound = read(text)

    def test(value: str, _context: ContextValues) -> bool:
        try:
            return order(read(value), bound)
        except ValueError:
            return False

    return test


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"not a number: {text}") from None
    if not number.is_finite():
        raise ValueError(f"not a number: {text}")
    return number


def _date(text: str) -> datetime:
    """An ISO 8601 date and time, or epoch seconds."""
    if text.lstrip("-").isdigit() and len(text) != 4:
        return datetime.fromtimestamp(int(text), UTC)
    moment = datetime.fromisoformat(text if len(text) != 4 else f"{text}-01-01")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _address_test(text: str) -> Pattern:
    network = ipaddress.ip_network(text, strict=False)

    def test(value: str, _context: ContextValues) -> bool:
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            return False
        return address.version == network.version and address in network

    return test
