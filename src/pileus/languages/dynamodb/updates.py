"""Update expressions as functions from an item to the next.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html.
All operands are read from the item as it was; the given item is never changed.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from pileus.languages.dynamodb.attribute_values import AttributeValue, Item, type_of
from pileus.languages.dynamodb.conditions import ItemReader
from pileus.languages.dynamodb.errors import (
    INCORRECT_OPERAND,
    INVALID_PATH,
    MISSING_ATTRIBUTE,
    InvalidRequest,
)
from pileus.languages.dynamodb.numbers import add, subtract
from pileus.languages.dynamodb.paths import path_reader
from pileus.languages.dynamodb.placeholders import Placeholders, ResolvedPath
from pileus.languages.dynamodb.projections import projection_of
from pileus.languages.dynamodb.syntax import (
    Action,
    Operand,
    Path,
    Reference,
    SyntaxProblem,
)
from pileus.languages.dynamodb.update_checks import read_checked_update

ValueReader = Callable[[Item], AttributeValue]
# A step reads the old item and changes the new one, which it may do freely.
Step = Callable[[Item, Item], None]


class Update:
    """A compiled update.

    Attributes:
        paths: the paths it writes, in order.
        names: the top-level attributes it writes.
    """

    __slots__ = ("_project", "_steps", "names", "paths")

    def __init__(self, paths: list[ResolvedPath], steps: list[Step]) -> None:
        self.paths = tuple(paths)
        self.names = frozenset(str(path[0]) for path in paths)
        self._steps = tuple(steps)
        self._project = projection_of(paths) if paths else lambda _item: {}

    def apply(self, item: Item) -> Item:
        """The item after the update; pass the key attributes for an item not there yet.

        Raises:
            InvalidRequest: when an operand is missing or of the wrong type, a path leads nowhere,
                or a number leaves its range.
        """
        # Only what is written is copied, so that large untouched attributes stay shared.
        changed = {
            name: _copy(value) if name in self.names else value for name, value in item.items()
        }
        for step in self._steps:
            step(item, changed)
        return changed

    def touched(self, item: Item) -> Item:
        """The part of an item that the update writes, for ``UPDATED_OLD`` and ``UPDATED_NEW``."""
        return self._project(item)


def compile_update(text: str, placeholders: Placeholders) -> Update:
    """Compile an update expression.

    Raises:
        InvalidRequest: ``Invalid UpdateExpression: …`` with DynamoDB's reason.
    """
    try:
        actions = read_checked_update(text, placeholders)
    except SyntaxProblem as problem:
        raise InvalidRequest(f"Invalid UpdateExpression: {problem}") from None
    writes = [pair for pair in actions if pair[0].section != "REMOVE"]
    # Elements of one list are removed from its end, so that indices keep their meaning;
    # elements set beyond its end are appended in the order of their indices.
    writes.sort(key=lambda pair: _index_order(pair[1]))
    removals = [path for action, path in actions if action.section == "REMOVE"]
    removals.sort(key=_index_order, reverse=True)
    steps = [_write_step(action, path, placeholders) for action, path in writes]
    return Update([path for _, path in actions], steps + [remove_step(path) for path in removals])


def _index_order(path: ResolvedPath) -> tuple[tuple[int, str], ...]:
    # At one place of one document all parts are names or all are indices.
    return tuple((part, "") if isinstance(part, int) else (0, part) for part in path)


def _copy(value: AttributeValue) -> AttributeValue:
    if "M" in value:
        return {"M": {name: _copy(member) for name, member in value["M"].items()}}
    if "L" in value:
        return {"L": [_copy(element) for element in value["L"]]}
    return value


# --- steps --------------------------------------------------------------------------------------


def _write_step(action: Action, path: ResolvedPath, placeholders: Placeholders) -> Step:
    assert action.operand is not None
    if action.section == "SET":
        return set_step(path, _value_reader(action.operand, placeholders))
    assert isinstance(action.operand, Reference)
    value = placeholders.value(action.operand.name)
    return add_step(path, value) if action.section == "ADD" else delete_step(path, value)


def set_step(path: ResolvedPath, read: ValueReader) -> Step:
    """Write the value read from the old item."""
    return lambda old, new: _write(new, path, read(old))


def remove_step(path: ResolvedPath) -> Step:
    """Remove what is at a path, if anything."""

    def remove(_old: Item, new: Item) -> None:
        container = _container(new, path)
        part = path[-1]
        if isinstance(container, dict):
            container.pop(part, None)
        elif isinstance(part, int) and part < len(container):
            del container[part]

    return remove


def add_step(path: ResolvedPath, value: AttributeValue) -> Step:
    """Add to a number or a set; either begins as zero or empty."""
    kind, read = type_of(value), path_reader(path)

    def step(old: Item, new: Item) -> None:
        found = read(old)
        if found is None:
            _write(new, path, value)
        elif kind not in found:
            raise InvalidRequest(INCORRECT_OPERAND)
        elif kind == "N":
            _write(new, path, {"N": add(found["N"], value["N"])})
        else:
            extra = [element for element in value[kind] if element not in found[kind]]
            _write(new, path, {kind: found[kind] + extra})

    return step


def delete_step(path: ResolvedPath, value: AttributeValue) -> Step:
    """Take elements out of a set; an emptied set is removed."""
    kind, read, remove = type_of(value), path_reader(path), remove_step(path)

    def step(old: Item, new: Item) -> None:
        found = read(old)
        if found is None:
            _container(new, path)
            return
        if kind not in found:
            raise InvalidRequest(INCORRECT_OPERAND)
        kept = [element for element in found[kind] if element not in value[kind]]
        if kept:
            _write(new, path, {kind: kept})
        else:
            remove(old, new)

    return step


def _container(item: Item, path: ResolvedPath) -> Any:
    """The mapping or list that holds the last part of a path.

    Raises:
        InvalidRequest: when the path leads through something else, or nothing.
    """
    container: Any = item
    for part, following in pairwise(path):
        value: Any = None
        if isinstance(container, dict):
            value = container.get(part)
        elif isinstance(part, int) and part < len(container):
            value = container[part]
        kind = "M" if isinstance(following, str) else "L"
        if value is None or kind not in value:
            raise InvalidRequest(INVALID_PATH)
        container = value[kind]
    return container


def _write(item: Item, path: ResolvedPath, value: AttributeValue) -> None:
    container, part = _container(item, path), path[-1]
    if isinstance(container, dict) or (isinstance(part, int) and part < len(container)):
        container[part] = value
    else:
        container.append(value)


# --- operands -----------------------------------------------------------------------------------


def _value_reader(operand: Operand, placeholders: Placeholders) -> ValueReader:
    if isinstance(operand, Reference):
        value = placeholders.value(operand.name)
        return lambda _item: value
    if isinstance(operand, Path):
        return _required(path_reader(placeholders.path(operand)))
    left, right = operand.arguments
    if operand.name == "if_not_exists":
        assert isinstance(left, Path)
        find, default = path_reader(placeholders.path(left)), _value_reader(right, placeholders)
        return lambda item: _copy(found) if (found := find(item)) is not None else default(item)
    first, second = _value_reader(left, placeholders), _value_reader(right, placeholders)
    if operand.name == "list_append":
        return lambda item: {"L": _of("L", first(item)) + _of("L", second(item))}
    calculate = add if operand.name == "+" else subtract
    return lambda item: {"N": calculate(_of("N", first(item)), _of("N", second(item)))}


def _required(read: ItemReader) -> ValueReader:
    def value(item: Item) -> AttributeValue:
        found = read(item)
        if found is None:
            raise InvalidRequest(MISSING_ATTRIBUTE)
        return _copy(found)

    return value


def _of(kind: str, value: AttributeValue) -> Any:
    if kind not in value:
        raise InvalidRequest(INCORRECT_OPERAND)
    return value[kind]
