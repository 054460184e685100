"""Steps of JSONPath: how they are read and what they find."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

import msgspec

from pileus.languages.asl.errors import InvalidExpression, runtime
from pileus.languages.asl.jsonpath_filters import Filter, compile_filter

FOUND_MAX: Final = 300_000
"""Values that one path may find on its way; a payload has fewer, but for those that repeat themselves."""
_VARIABLE = re.compile(r"\$[^\W\d]\w*")
_NAME = re.compile(r"[^\s.\[\]()'\",:?@$*]+")
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")
_NUMBERS = re.compile(r"-?\d+(?:\s*,\s*-?\d+)*")
_SLICE = re.compile(r"(-?\d+)?\s*:\s*(-?\d+)?(?:\s*:\s*(-?\d+)?)?")


class Key(msgspec.Struct, frozen=True):
    """A member of an object."""

    name: str


class Index(msgspec.Struct, frozen=True):
    """An element of an array, counted from its end where negative."""

    at: int


class Keys(msgspec.Struct, frozen=True):
    """Several members."""

    names: tuple[str, ...]


class Indexes(msgspec.Struct, frozen=True):
    """Several elements."""

    at: tuple[int, ...]


class Slice(msgspec.Struct, frozen=True):
    """Elements from one index up to another, without it."""

    first: int | None
    end: int | None
    step: int | None = None


class Wildcard(msgspec.Struct, frozen=True):
    """All members or elements."""


class Descent(msgspec.Struct, frozen=True):
    """The value itself and all below it."""


class Where(msgspec.Struct, frozen=True):
    """The elements, or the object, that pass a test."""

    test: Filter


class Call(msgspec.Struct, frozen=True):
    """A function over what was found."""

    name: str

    def apply(self, value: Any) -> Any:
        """The function's value; None where it has none."""
        return _FUNCTIONS[self.name](value)


Step = Key | Index | Keys | Indexes | Slice | Wildcard | Descent | Where | Call


class Path(msgspec.Struct, frozen=True):
    """A path in parts.

    Attributes:
        root: ``$``, ``$$`` or ``$name``.
    """

    root: str
    steps: tuple[Step, ...]


def _numbers(value: Any) -> list[float]:
    values = value if isinstance(value, list) else []
    flat = [part for each in values for part in (each if isinstance(each, list) else [each])]
    return [each for each in flat if isinstance(each, int | float) and not isinstance(each, bool)]


def _over_numbers(function: Callable[[list[float]], Any]) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        numbers = _numbers(value)
        return function(numbers) if numbers else None

    return apply


def _deviation(numbers: list[float]) -> float:
    mean = sum(numbers) / len(numbers)
    squares = sum((each - mean) ** 2 for each in numbers)
    return float((squares / len(numbers)) ** 0.5)


_FUNCTIONS: Final[dict[str, Callable[[Any], Any]]] = {
    "length": lambda value: len(value) if isinstance(value, list | dict | str) else None,
    "size": lambda value: len(value) if isinstance(value, list | dict | str) else None,
    "keys": lambda value: list(value) if isinstance(value, dict) else None,
    "first": lambda value: value[0] if isinstance(value, list) and value else None,
    "last": lambda value: value[-1] if isinstance(value, list) and value else None,
    "min": _over_numbers(min),
    "max": _over_numbers(max),
    "sum": _over_numbers(sum),
    "avg": _over_numbers(lambda numbers: sum(numbers) / len(numbers)),
    "stddev": _over_numbers(_deviation),
}


def parse_path(text: str) -> Path:
    """Read a path.

    Raises:
        InvalidExpression: with what is wrong.
    """
    if text.startswith("$$"):
        root = "$$"
    elif found := _VARIABLE.match(text):
        root = found[0]
    elif text.startswith("$"):
        root = "$"
    else:
        raise InvalidExpression(f"{text!r} does not start with $")
    return Path(root, tuple(_steps(text, len(root))))


def _steps(text: str, at: int) -> Iterator[Step]:
    while at < len(text):
        if text.startswith("..", at):
            yield Descent()
            at += 2
            if not text.startswith("[", at):
                step, at = _name(text, at)
                yield step
        elif text[at] == ".":
            step, at = _name(text, at + 1)
            yield step
        elif text[at] == "[":
            end = _bracket_end(text, at)
            yield _bracket(text[at + 1 : end].strip(), text)
            at = end + 1
        else:
            raise InvalidExpression(f"unexpected {text[at]!r} in {text!r}")


def _name(text: str, at: int) -> tuple[Step, int]:
    if text.startswith("*", at):
        return Wildcard(), at + 1
    found = _NAME.match(text, at)
    if found is None:
        raise InvalidExpression(f"a name is missing in {text!r}")
    if text.startswith("()", found.end()):
        if found[0] not in _FUNCTIONS:
            raise InvalidExpression(f"{found[0]}() is no function of paths")
        return Call(found[0]), found.end() + 2
    return Key(found[0]), found.end()


def _bracket_end(text: str, at: int) -> int:
    depth = 0
    while at < len(text):
        if text[at] in "'\"":
            quoted = _QUOTED.match(text, at)
            if quoted is None:
                break
            at = quoted.end()
            continue
        depth += {"[": 1, "]": -1}.get(text[at], 0)
        if depth == 0:
            return at
        at += 1
    raise InvalidExpression(f"a bracket is not closed in {text!r}")


def _bracket(inside: str, text: str) -> Step:
    if inside == "*":
        return Wildcard()
    if inside.startswith("?"):
        return Where(compile_filter(inside[1:].strip(), text))
    if _NUMBERS.fullmatch(inside):
        indexes = tuple(int(each) for each in inside.split(","))
        return Index(indexes[0]) if len(indexes) == 1 else Indexes(indexes)
    if found := _SLICE.fullmatch(inside):
        first, end, step = (None if each is None else int(each) for each in found.groups())
        return Slice(first, end, step)
    names = tuple(_unescape(each[1] or each[2] or "") for each in _QUOTED.finditer(inside))
    if names and re.sub(r"[\s,]", "", _QUOTED.sub("", inside)) == "":
        return Key(names[0]) if len(names) == 1 else Keys(names)
    raise InvalidExpression(f"[{inside}] cannot be read in {text!r}")


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def evaluate(steps: tuple[Step, ...], data: Any, root: Any) -> list[Any]:
    """All that the steps find, in the order of the document; functions at the end are left out
    where several values were found before them."""
    found = [data]
    is_many = False
    for step in steps:
        if isinstance(step, Call):
            if not is_many:
                found = [step.apply(each) for each in found]
            continue
        is_many = is_many or not isinstance(step, Key | Index)
        every = (value for each in found for value in _apply(step, each, root))
        found = list(islice(every, FOUND_MAX + 1))
        if len(found) > FOUND_MAX:
            raise runtime(f"A path finds more than {FOUND_MAX} values.")
    return found


def _apply(step: Step, value: Any, root: Any) -> Iterator[Any]:
    if isinstance(step, Descent):
        yield from _descend(value)
    elif isinstance(step, Where):
        candidates = value if isinstance(value, list) else [value]
        yield from (each for each in candidates if step.test(each, root))
    elif isinstance(value, dict):
        yield from _of_object(step, value)
    elif isinstance(value, list):
        yield from _of_array(step, value)


def _of_object(step: Step, value: dict[str, Any]) -> Iterator[Any]:
    if isinstance(step, Key):
        if step.name in value:
            yield value[step.name]
    elif isinstance(step, Keys):
        yield {name: value[name] for name in step.names if name in value}
    elif isinstance(step, Wildcard):
        yield from value.values()


def _of_array(step: Step, value: list[Any]) -> Iterator[Any]:
    if isinstance(step, Index):
        if -len(value) <= step.at < len(value):
            yield value[step.at]
    elif isinstance(step, Indexes):
        yield from (value[at] for at in step.at if -len(value) <= at < len(value))
    elif isinstance(step, Slice):
        yield from value[step.first : step.end : step.step]
    elif isinstance(step, Wildcard):
        yield from value


def _descend(value: Any) -> Iterator[Any]:
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        if isinstance(each, dict | list):
            yield from _descend(each)
