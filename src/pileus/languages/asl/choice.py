"""Choice rules in JSONPath: every comparison operator, and And, Or and Not.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from pileus.languages.asl.errors import InvalidExpression, NoSuchPath, StateFailure, runtime
from pileus.languages.asl.frames import Frame, Reader
from pileus.languages.asl.jsonpath import compile_path
from pileus.languages.asl.timestamps import parse_timestamp_ns

Rule = Callable[[Any, Frame], bool]

_ORDERS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "GreaterThan": operator.gt,
    "LessThanEquals": operator.le,
    "GreaterThanEquals": operator.ge,
}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_timestamp(value: Any) -> bool:
    return isinstance(value, str) and parse_timestamp_ns(value) is not None


_KINDS: Final[dict[str, tuple[Callable[[Any], bool], Callable[[Any], Any]]]] = {
    "String": (lambda value: isinstance(value, str), lambda value: value),
    "Numeric": (_is_number, lambda value: value),
    "Timestamp": (_is_timestamp, parse_timestamp_ns),
}
"""The beginning of an operator's name → which values it is about, and what of them is compared."""


COMPARISONS: Final = {
    f"{kind}{name}": (kind, order) for kind in _KINDS for name, order in _ORDERS.items()
}
TYPE_TESTS: Final[dict[str, Callable[[Any], bool]]] = {
    "IsNull": lambda value: value is None,
    "IsNumeric": _is_number,
    "IsString": lambda value: isinstance(value, str),
    "IsBoolean": lambda value: isinstance(value, bool),
    "IsTimestamp": _is_timestamp,
}
OPERATORS: Final = frozenset(
    {*COMPARISONS, *(f"{name}Path" for name in COMPARISONS), *TYPE_TESTS}
    | {"IsPresent", "BooleanEquals", "BooleanEqualsPath", "StringMatches"}
)
"""Every operator that stands beside ``Variable``."""


def compile_rule(rule: Mapping[str, Any]) -> Rule:
    """A function that tells whether a choice rule holds.

    It raises ``States.Runtime`` where a path leads nowhere.

    Raises:
        InvalidExpression: when the rule has no operator or an unreadable path.
    """
    if "And" in rule:
        every = [compile_rule(each) for each in rule["And"]]
        return lambda data, frame: all(test(data, frame) for test in every)
    if "Or" in rule:
        some = [compile_rule(each) for each in rule["Or"]]
        return lambda data, frame: any(test(data, frame) for test in some)
    if "Not" in rule:
        inner = compile_rule(rule["Not"])
        return lambda data, frame: not inner(data, frame)
    return _data_test(rule)


def _data_test(rule: Mapping[str, Any]) -> Rule:
    name = next((key for key in rule if key in OPERATORS), None)
    if name is None:
        raise InvalidExpression("a choice rule without an operator")
    path, wanted = rule["Variable"], rule[name]
    variable = compile_path(path)
    if name == "IsPresent":
        return _presence(variable, wanted)
    read = _failing(variable, path)
    if name in TYPE_TESTS:
        is_of_type = TYPE_TESTS[name]
        return lambda data, frame: is_of_type(read(data, frame)) is wanted
    if name == "StringMatches":
        matches = wildcard_matcher(wanted)
        return lambda data, frame: matches(read(data, frame))
    if name.endswith("Path"):
        return _comparison(name[:-4], read, _failing(compile_path(wanted), wanted))
    if name == "BooleanEquals":
        return lambda data, frame: read(data, frame) is wanted
    return _against_constant(name, read, wanted)


def _invalid(path: str) -> StateFailure:
    return runtime(
        f"Invalid path '{path}': The choice state's condition path references an invalid value."
    )


def _failing(reader: Reader, path: str) -> Reader:
    def read(data: Any, frame: Frame) -> Any:
        try:
            return reader(data, frame)
        except NoSuchPath:
            raise _invalid(path) from None

    return read


def _presence(reader: Reader, wanted: bool) -> Rule:
    def test(data: Any, frame: Frame) -> bool:
        try:
            reader(data, frame)
        except NoSuchPath:
            return not wanted
        return wanted

    return test


def _comparison(name: str, read: Reader, other: Reader) -> Rule:
    if name == "BooleanEquals":

        def same(data: Any, frame: Frame) -> bool:
            left, right = read(data, frame), other(data, frame)
            return isinstance(left, bool) and left is right

        return same
    kind, order = COMPARISONS[name]
    is_of_kind, comparable = _KINDS[kind]

    def test(data: Any, frame: Frame) -> bool:
        left, right = read(data, frame), other(data, frame)
        if not (is_of_kind(left) and is_of_kind(right)):
            return False
        return order(comparable(left), comparable(right))

    return test


def _against_constant(name: str, read: Reader, wanted: Any) -> Rule:
    kind, order = COMPARISONS[name]
    is_of_kind, comparable = _KINDS[kind]
    right = comparable(wanted)

    def test(data: Any, frame: Frame) -> bool:
        left = read(data, frame)
        return is_of_kind(left) and order(comparable(left), right)

    return test


def wildcard_matcher(text: str) -> Callable[[Any], bool]:
    r"""The test of StringMatches: ``*`` stands for any characters, ``\\*`` and ``\\\\`` for themselves.

    Its time grows with the lengths of pattern and text only, however many wildcards there are.
    """
    parts = [""]
    for piece in re.findall(r"\\[*\\]|.", text, re.DOTALL):
        if piece == "*":
            parts.append("")
        else:
            parts[-1] += piece[-1] if piece in ("\\*", "\\\\") else piece
    first, *middle, last = parts if len(parts) > 1 else (parts[0], "")
    if len(parts) == 1:
        return lambda value: isinstance(value, str) and value == first

    def matches(value: Any) -> bool:
        if not isinstance(value, str) or not value.startswith(first):
            return False
        at = len(first)
        for part in middle:
            at = value.find(part, at)
            if at < 0:
                return False
            at += len(part)
        return len(value) - at >= len(last) and value.endswith(last)

    return matches
