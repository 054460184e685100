"""Document paths over items: read, and the overlap rules shared by updates and projections."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pileus.languages.dynamodb.attribute_values import AttributeValue, Item
from pileus.languages.dynamodb.placeholders import ResolvedPath, shown_path
from pileus.languages.dynamodb.syntax import SyntaxProblem


def path_reader(path: ResolvedPath) -> Callable[[Item], AttributeValue | None]:
    """A function giving the value at a path, None when there is none."""
    head, rest = str(path[0]), path[1:]
    if not rest:
        return lambda item: item.get(head)

    def read(item: Item) -> AttributeValue | None:
        value = item.get(head)
        for part in rest:
            if value is None:
                return None
            value = child(value, part)
        return value

    return read


def child(value: AttributeValue, part: str | int) -> AttributeValue | None:
    """The member of a map or the element of a list, None when there is none."""
    if isinstance(part, str):
        members: Item | None = value.get("M")
        return members.get(part) if members is not None else None
    elements: list[AttributeValue] | None = value.get("L")
    return elements[part] if elements is not None and part < len(elements) else None


def check_disjoint(paths: Iterable[ResolvedPath]) -> None:
    """Check that no two paths overlap or contradict each other.

    Raises:
        SyntaxProblem: naming the two paths.
    """
    conflict: SyntaxProblem | None = None
    for later, one in enumerate(known := list(paths)):
        for other in known[:later]:
            relation = _relation(other, one)
            both = f"path one: {shown_path(other)}, path two: {shown_path(one)}"
            if relation == "overlap":
                raise SyntaxProblem(
                    "Two document paths overlap with each other; must remove or rewrite one of "
                    f"these paths; {both}"
                )
            if relation == "conflict" and conflict is None:
                conflict = SyntaxProblem(
                    "Two document paths conflict with each other; must remove or rewrite one of "
                    f"these paths; {both}"
                )
    if conflict:
        raise conflict


def _relation(one: ResolvedPath, other: ResolvedPath) -> str:
    for left, right in zip(one, other, strict=False):
        if type(left) is not type(right):
            return "conflict"
        if left != right:
            return ""
    return "overlap"
