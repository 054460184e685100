"""Projection expressions: the parts of an item a caller asked for.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ProjectionExpressions.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pileus.languages.dynamodb.attribute_values import AttributeValue, Item
from pileus.languages.dynamodb.errors import InvalidRequest
from pileus.languages.dynamodb.paths import check_disjoint
from pileus.languages.dynamodb.placeholders import Placeholders, ResolvedPath, check_reserved
from pileus.languages.dynamodb.syntax import SyntaxProblem, read_projection

Projection = Callable[[Item], Item]
# A tree of path parts; an empty one stands for everything below.
_Tree = dict[str | int, Any]


def compile_projection(text: str, placeholders: Placeholders) -> Projection:
    """Compile a projection expression.

    Returns:
        A function giving a new item with only the paths asked for; elements of lists close up.
    Raises:
        InvalidRequest: ``Invalid ProjectionExpression: …``.
    """
    try:
        paths = read_projection(text)
        for path in paths:
            check_reserved(path)
        resolved = [placeholders.path(path) for path in paths]
        check_disjoint(resolved)
    except SyntaxProblem as problem:
        raise InvalidRequest(f"Invalid ProjectionExpression: {problem}") from None
    return projection_of(resolved)


def attributes_to_get(names: Iterable[str]) -> Projection:
    """The legacy ``AttributesToGet``: top-level attributes by name.

    Raises:
        InvalidRequest: when a name occurs twice.
    """
    wanted = list(names)
    for index, name in enumerate(wanted):
        if name in wanted[:index]:
            raise InvalidRequest(
                f"One or more parameter values were invalid: Duplicate value in attribute name: {name}"
            )
    return projection_of([(name,) for name in wanted])


def projection_of(paths: Iterable[ResolvedPath]) -> Projection:
    """A projection onto disjoint paths."""
    tree: _Tree = {}
    for path in paths:
        branch = tree
        for part in path:
            branch = branch.setdefault(part, {})
    if not any(tree.values()):
        names = tuple(str(part) for part in tree)
        return lambda item: {name: item[name] for name in names if name in item}
    return lambda item: _members(item, tree)


def _members(members: Item, tree: _Tree) -> Item:
    found: Item = {}
    for name, below in tree.items():
        if name in members:
            value = _part(members[str(name)], below)
            if value is not None:
                found[str(name)] = value
    return found


def _part(value: AttributeValue, tree: _Tree) -> AttributeValue | None:
    if not tree:
        return value
    if "M" in value:
        members = _members(value["M"], tree)
        return {"M": members} if members else None
    if "L" not in value:
        return None
    elements = value["L"]
    indices = sorted(index for index in tree if isinstance(index, int) and index < len(elements))
    parts = [_part(elements[index], tree[index]) for index in indices]
    kept = [part for part in parts if part is not None]
    return {"L": kept} if kept else None
