"""Checks an operation's input against its shape, in the words of AWS's service framework.

A check is compiled once per operation into predicates; only input that fails is walked a second
time to say why. Unknown members are ignored, as AWS does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

import msgspec

from pileus.shapes.catalog import service as service_named
from pileus.shapes.model import Member, Shape
from pileus.shapes.patterns import UntranslatablePattern, full_match
from pileus.values.errors import ServiceError

Check = Callable[[Any], bool]


class Violation(msgspec.Struct, frozen=True):
    """One constraint that one value does not satisfy.

    Attributes:
        path: ``functionName``, ``tags.1.member.key``: names begin in lower case, elements count
            from 1.
        value: the offending value; None when it is missing.
        constraint: AWS's sentence (``Member must not be null``).
        kind: ``missing``, ``type``, ``min``, ``max``, ``pattern`` or ``enum``.
    """

    path: str
    value: Any
    constraint: str
    kind: str


@cache
def validator(service: str, operation: str) -> Callable[[Mapping[str, Any]], list[Violation]]:
    """The compiled check of an operation's input: an empty list when nothing is wrong.

    Raises:
        UnknownService, UnknownOperation: when AWS has no such thing.
    """
    shape = service_named(service).operation(operation).input
    if shape is None:
        return lambda _: []
    holds = _Compiler().structure(shape)

    def check(given: Mapping[str, Any]) -> list[Violation]:
        if holds(given):
            return []
        found: list[Violation] = []
        _explain_structure(shape, given, "", found)
        return found

    return check


def violation_message(violations: Sequence[Violation]) -> str:
    """AWS's sentence: ``1 validation error detected: Value 'x' at 'name' failed to satisfy …``.

    A value of a wrong type is told alone, as AWS stops reading there.
    """
    for each in violations:
        if each.kind == "type":
            return each.constraint
    count = len(violations)
    told = "; ".join(
        f"Value {_shown(each)} at '{each.path}' failed to satisfy constraint: {each.constraint}"
        for each in violations
    )
    return f"{count} validation error{'s' if count > 1 else ''} detected: {told}"


def violation_error(service: str, violations: Sequence[Violation]) -> ServiceError:
    """The error most services answer with; a room with words of its own raises those instead."""
    code = "ValidationException"
    if any(each.kind == "type" for each in violations):
        code = "SerializationException"
    elif service_named(service).protocols[0] in ("query", "ec2"):
        code = "ValidationError"
    return ServiceError(code, violation_message(violations))


class _Compiler:
    """Builds one predicate per shape; a recursive shape refers to its own predicate."""

    def __init__(self) -> None:
        self._building: dict[int, list[Check]] = {}

    def check(self, member: Member) -> Check | None:
        """A predicate, or None where every value is right."""
        shape = member.shape
        if shape.is_document or shape.is_eventstream or member.is_json_value:
            return None
        if shape.kind == "structure":
            cell = self._building.get(id(shape))
            if cell is not None:
                return lambda value: cell[0](value)
            return self.structure(shape)
        if shape.kind == "list":
            return self._list(shape)
        if shape.kind == "map":
            return self._map(shape)
        if shape.kind == "blob":
            return None if member.is_streaming else _blob(shape)
        return _scalar(shape)

    def structure(self, shape: Shape) -> Check:
        cell: list[Check] = []
        self._building[id(shape)] = cell
        checks = {}
        for name, member in shape.members.items():
            check = self.check(member)
            if check is not None:
                checks[name] = check
        required = tuple(name for name in shape.required if _must_be_given(shape.members[name]))

        def holds(value: Any) -> bool:
            if type(value) is not dict and not isinstance(value, Mapping):
                return False
            for name in required:
                if value.get(name) is None:
                    return False
            for name, each in value.items():
                check = checks.get(name)
                if check is not None and each is not None and not check(each):
                    return False
            return True

        cell.append(holds)
        return holds

    def _list(self, shape: Shape) -> Check:
        assert shape.element is not None
        check = self.check(shape.element)
        low, high = _bounds(shape)

        def holds(value: Any) -> bool:
            if type(value) is not list and not isinstance(value, (list, tuple)):
                return False
            if not low <= len(value) <= high:
                return False
            if check is not None:
                for each in value:
                    if each is not None and not check(each):
                        return False
            return True

        return holds

    def _map(self, shape: Shape) -> Check:
        assert shape.key is not None and shape.value is not None
        key_check, value_check = self.check(shape.key), self.check(shape.value)
        low, high = _bounds(shape)

        def holds(value: Any) -> bool:
            if not isinstance(value, Mapping) or not low <= len(value) <= high:
                return False
            if key_check is not None and not all(map(key_check, value)):
                return False
            return value_check is None or all(
                each is None or value_check(each) for each in value.values()
            )

        return holds


_LARGE = float("inf")
_KEPT_MAX = 128
_KEPT_CHARACTERS_MAX = 256


def _bounds(shape: Shape) -> tuple[float, float]:
    return (shape.min or 0, _LARGE if shape.max is None else shape.max)


def _blob(shape: Shape) -> Check:
    low, high = _bounds(shape)
    return lambda value: (
        isinstance(value, (bytes, bytearray, memoryview)) and (low <= len(value) <= high)
    )


def _scalar(shape: Shape) -> Check:
    kind = shape.kind
    if kind == "string":
        return _string(shape)
    if kind == "boolean":
        return lambda value: value is True or value is False
    if kind == "timestamp":
        return lambda value: (
            isinstance(value, (datetime, int, float, str)) and not isinstance(value, bool)
        )
    low = -_LARGE if shape.min is None else shape.min
    high = _LARGE if shape.max is None else shape.max
    if kind in ("integer", "long"):
        return lambda value: type(value) is int and low <= value <= high
    return lambda value: type(value) in (int, float) and (low <= value <= high or value != value)


def _string(shape: Shape) -> Check:
    low, high = _bounds(shape)
    enum = frozenset(shape.enum)
    match = _pattern(shape)
    if enum:
        return lambda value: type(value) is str and value in enum
    if match is not None:
        fits = _remembering(match)
        return lambda value: type(value) is str and low <= len(value) <= high and fits(value)
    if low or high < _LARGE:
        return lambda value: type(value) is str and low <= len(value) <= high
    return lambda value: type(value) is str


def _remembering(match: Callable[[str], object]) -> Callable[[str], bool]:
    """Whether a text matches, kept for the short ones: names come again and again."""

    @lru_cache(maxsize=_KEPT_MAX)
    def fits_again(value: str) -> bool:
        return match(value) is not None

    def fits(value: str) -> bool:
        if len(value) <= _KEPT_CHARACTERS_MAX:
            return fits_again(value)
        return match(value) is not None

    return fits


def _pattern(shape: Shape) -> Callable[[str], object] | None:
    if not shape.pattern or shape.enum:
        return None
    try:
        return full_match(shape.pattern)
    except UntranslatablePattern:
        # Checked for every service by a test: only patterns listed there are let through.
        return None


def _must_be_given(member: Member) -> bool:
    """Clients fill in idempotency tokens; what is streamed comes beside the input."""
    return not (member.is_idempotency_token or member.is_streaming)


def _explain_structure(
    shape: Shape, given: Mapping[str, Any], path: str, found: list[Violation]
) -> None:
    prefix = f"{path}." if path else ""
    for name, member in shape.members.items():
        value = given.get(name)
        where = f"{prefix}{name[:1].lower()}{name[1:]}"
        if value is None:
            if name in shape.required and _must_be_given(member):
                found.append(Violation(where, None, "Member must not be null", "missing"))
            continue
        _explain(member, value, where, found)


def _explain(member: Member, value: Any, path: str, found: list[Violation]) -> None:
    shape = member.shape
    if shape.is_document or shape.is_eventstream or member.is_streaming or member.is_json_value:
        return
    wrong = _wrong_type(shape, value)
    if wrong:
        found.append(Violation(path, value, wrong, "type"))
        return
    for kind, constraint in _failed(shape, value):
        found.append(Violation(path, value, constraint, kind))
    if shape.kind == "structure":
        _explain_structure(shape, value, path, found)
    elif shape.kind == "list":
        assert shape.element is not None
        for index, each in enumerate(value, 1):
            _explain_part(shape.element, each, (value, path, f"{path}.{index}.member"), found)
    elif shape.kind == "map":
        assert shape.key is not None and shape.value is not None
        for key, each in value.items():
            _explain_part(shape.key, key, (value, path, path), found)
            _explain_part(shape.value, each, (value, path, f"{path}.{key}.member"), found)


_PART_WORDS = {"element": "Member", "key": "Map keys", "value": "Map value"}


def _explain_part(
    member: Member, value: Any, place: tuple[Any, str, str], found: list[Violation]
) -> None:
    """A scalar inside a collection is told of the collection, with every constraint it has."""
    whole, path, inner_path = place
    if value is None:
        return
    shape = member.shape
    wrong = _wrong_type(shape, value)
    if not wrong and (failed := _failed(shape, value)) and member.name == "value":
        # What a map holds is told of the map, whatever its kind.
        found.append(Violation(path, whole, _told_of_part(member), failed[0][0]))
        return
    if shape.kind in ("structure", "list", "map"):
        _explain(member, value, inner_path, found)
        return
    if wrong:
        found.append(Violation(path, whole, wrong, "type"))
        return
    failed = _failed(shape, value)
    if failed:
        found.append(Violation(path, whole, _told_of_part(member), failed[0][0]))


def _told_of_part(member: Member) -> str:
    every = ", ".join(_constraints(member.shape))
    return f"{_PART_WORDS[member.name]} must satisfy constraint: [{every}]"


def _quantity(shape: Shape) -> str:
    return "value" if shape.kind in ("integer", "long", "float", "double") else "length"


def _constraints(shape: Shape) -> list[str]:
    return [sentence for _, sentence in _sentences(shape)]


def _sentences(shape: Shape) -> list[tuple[str, str]]:
    found = []
    if shape.enum:
        return [("enum", f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")]
    what = _quantity(shape)
    if shape.max is not None:
        found.append(
            ("max", f"Member must have {what} less than or equal to {_number(shape, shape.max)}")
        )
    if shape.min is not None:
        found.append(
            ("min", f"Member must have {what} greater than or equal to {_number(shape, shape.min)}")
        )
    if shape.pattern:
        found.append(
            ("pattern", f"Member must satisfy regular expression pattern: {shape.pattern}")
        )
    return found


def _failed(shape: Shape, value: Any) -> list[tuple[str, str]]:
    """The constraints of the shape itself (not of its parts) that ``value`` breaks."""
    if shape.kind in ("structure", "boolean", "timestamp"):
        return []
    amount = value if _quantity(shape) == "value" else len(value)
    match = _pattern(shape)
    broken = {
        "enum": bool(shape.enum) and value not in shape.enum,
        "max": shape.max is not None and amount > shape.max,
        "min": shape.min is not None and amount < shape.min,
        "pattern": match is not None and match(value) is None,
    }
    return [(kind, sentence) for kind, sentence in _sentences(shape) if broken[kind]]


def _number(shape: Shape, limit: float) -> str:
    if shape.kind in ("float", "double"):
        return str(float(limit))
    return str(int(limit)) if limit == int(limit) else str(limit)


_ARTICLES = {
    "string": "a String",
    "integer": "an Integer",
    "long": "a Long",
    "float": "a Float",
    "double": "a Double",
    "boolean": "a Boolean",
    "blob": "a Blob",
    "timestamp": "a Timestamp",
}
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "blob": (bytes, bytearray, memoryview),
    "timestamp": (datetime, int, float, str),
    "structure": (Mapping,),
    "map": (Mapping,),
    "list": (list, tuple),
}


def _wrong_type(shape: Shape, value: Any) -> str:
    """AWS's words for a value of another type; empty when the type is right."""
    right = isinstance(value, _PYTHON_TYPES[shape.kind])
    if right and (shape.kind == "boolean" or not isinstance(value, bool)):
        return ""
    if isinstance(value, Mapping):
        return "Start of structure or map found where not expected."
    if isinstance(value, (list, tuple)):
        return "Start of list found where not expected"
    if shape.kind not in _ARTICLES:
        return "Unexpected field type"
    if isinstance(value, bool):
        token = "TRUE_VALUE" if value else "FALSE_VALUE"
    else:
        token = "NUMBER_VALUE" if isinstance(value, (int, float)) else "STRING_VALUE"
    return f"{token} can not be converted to {_ARTICLES[shape.kind]}"


def _shown(violation: Violation) -> str:
    return "null" if violation.value is None else f"'{_java_text(violation.value)}'"


def _java_text(value: Any) -> str:
    """The value as Java's ``toString`` would print it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (bytes, bytearray, memoryview)):
        size = len(value)
        return f"java.nio.HeapByteBuffer[pos=0 lim={size} cap={size}]"
    if isinstance(value, Mapping):
        inside = ", ".join(f"{key}={_java_text(each)}" for key, each in value.items())
        return f"{{{inside}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_java_text, value))}]"
    return str(value)
