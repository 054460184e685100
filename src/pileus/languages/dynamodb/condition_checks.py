"""What makes a well-formed condition illegal, in the order in which DynamoDB notices it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from pileus.languages.dynamodb.attribute_values import (
    TYPES,
    AttributeValue,
    sort_value,
    type_of,
)
from pileus.languages.dynamodb.placeholders import Placeholders, check_reserved, shown_path
from pileus.languages.dynamodb.syntax import (
    Call,
    Comparison,
    Condition,
    Logical,
    Operand,
    Path,
    Reference,
    SyntaxProblem,
    read_condition,
)

_OPERAND_COUNTS = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
    "size": 1,
}


@dataclass(frozen=True, slots=True)
class _Simple:
    """One condition without AND, OR or NOT, with what is found in it, innermost first."""

    condition: Comparison | Call
    leaves: tuple[Path | Reference, ...]
    calls: tuple[Call, ...]


def read_checked_condition(text: str, placeholders: Placeholders) -> Condition:
    """Read a condition and check it against DynamoDB's rules.

    Raises:
        SyntaxProblem: with DynamoDB's reason.
    """
    root, simple_conditions = _prepared(text)
    for simple in simple_conditions:
        _check_operands(simple, placeholders)
    return root


@lru_cache(maxsize=4096)
def _prepared(text: str) -> tuple[Condition, tuple[_Simple, ...]]:
    """Everything that can be said of a text without names and values."""
    tree = read_condition(text)
    if tree.has_spare_parentheses:
        raise SyntaxProblem("The expression has redundant parentheses;")
    found = tuple(
        _Simple(condition, tuple(_leaves(condition)), tuple(_calls(condition)))
        for condition in _simple_conditions(tree.root)
    )
    for simple in found:
        for call in simple.calls:
            if call.name not in _OPERAND_COUNTS:
                raise SyntaxProblem(f"Invalid function name; function: {call.name}")
    for simple in found:
        _check_use_of_functions(simple)
    for simple in found:
        for leaf in simple.leaves:
            if isinstance(leaf, Path):
                check_reserved(leaf)
    return tree.root, found


def _simple_conditions(node: Condition) -> Iterator[Comparison | Call]:
    if isinstance(node, Logical):
        for part in node.parts:
            yield from _simple_conditions(part)
    else:
        yield node


def _children(node: Operand | Comparison) -> tuple[Operand, ...]:
    if isinstance(node, Comparison):
        return node.operands
    return node.arguments if isinstance(node, Call) else ()


def _calls(node: Operand | Comparison) -> Iterator[Call]:
    # Innermost first, as a bottom-up parser meets them.
    for child in _children(node):
        yield from _calls(child)
    if isinstance(node, Call):
        yield node


def _leaves(node: Operand | Comparison) -> Iterator[Path | Reference]:
    if isinstance(node, Path | Reference):
        yield node
    for child in _children(node):
        yield from _leaves(child)


def _check_use_of_functions(simple: _Simple) -> None:
    condition = simple.condition
    # A call is among its own calls already; a comparison is not.
    parents: list[Call | Comparison] = [*simple.calls]
    if isinstance(condition, Comparison):
        parents.insert(0, condition)
    misused = [
        child.name
        for parent in parents
        for child in _children(parent)
        if isinstance(child, Call) and child.name != "size"
    ]
    if isinstance(condition, Call) and condition.name == "size":
        misused.append("size")
    if misused:
        raise SyntaxProblem(
            "The function is not allowed to be used this way in an expression; "
            f"function: {misused[0]}"
        )


def _check_operands(simple: _Simple, placeholders: Placeholders) -> None:
    condition, calls = simple.condition, simple.calls
    for leaf in simple.leaves:
        if isinstance(leaf, Path):
            placeholders.path(leaf)
        else:
            placeholders.value(leaf.name)
    for call in calls:
        if len(call.arguments) != _OPERAND_COUNTS[call.name]:
            raise SyntaxProblem(
                "Incorrect number of operands for operator or function; operator or function: "
                f"{call.name}, number of operands: {len(call.arguments)}"
            )
    for call in calls:
        _check_distinct(call.name, call.arguments, placeholders)
    if isinstance(condition, Comparison) and condition.operator not in ("BETWEEN", "IN"):
        _check_distinct(condition.operator, condition.operands, placeholders)
    for call in calls:
        _check_call(call, placeholders)
    if isinstance(condition, Comparison):
        _check_comparison(condition, placeholders)


def _check_distinct(name: str, operands: tuple[Operand, ...], placeholders: Placeholders) -> None:
    if len(operands) != 2:
        return
    left, right = operands
    if not isinstance(left, Path) or not isinstance(right, Path):
        return
    path = placeholders.path(left)
    if path == placeholders.path(right):
        raise SyntaxProblem(
            "The first operand must be distinct from the remaining operands for this operator or "
            f"function; operator: {name}, first operand: {shown_path(path)}"
        )


def _literal(operand: Operand, placeholders: Placeholders) -> AttributeValue | None:
    return placeholders.value(operand.name) if isinstance(operand, Reference) else None


def _static_type(operand: Operand, placeholders: Placeholders) -> str | None:
    """The type an operand is known to have without an item."""
    if isinstance(operand, Call):
        return "N" if operand.name == "size" else "BOOL"
    value = _literal(operand, placeholders)
    return type_of(value) if value else None


def _wrong_type(name: str, kind: str) -> SyntaxProblem:
    return SyntaxProblem(
        "Incorrect operand type for operator or function; "
        f"operator or function: {name}, operand type: {kind}"
    )


def _check_call(call: Call, placeholders: Placeholders) -> None:
    name, arguments = call.name, call.arguments
    if name in ("attribute_exists", "attribute_not_exists"):
        if not isinstance(arguments[0], Path):
            raise SyntaxProblem(
                f"Operator or function requires a document path; operator or function: {name}"
            )
    elif name == "begins_with":
        for argument in arguments:
            kind = _static_type(argument, placeholders)
            if kind not in (None, "S", "B"):
                raise _wrong_type(name, str(kind))
    elif name == "attribute_type":
        kind = _static_type(arguments[1], placeholders)
        if kind != "S":
            raise _wrong_type(name, kind or "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}")
        value = _literal(arguments[1], placeholders)
        if value and value["S"] not in TYPES:
            raise SyntaxProblem(
                f"Invalid attribute type name found; type: {value['S']}, "
                f"valid types: {{{','.join(TYPES)}}}"
            )
    elif name == "size":
        kind = _static_type(arguments[0], placeholders)
        if kind in ("N", "BOOL", "NULL"):
            raise _wrong_type(name, kind)


def _check_comparison(condition: Comparison, placeholders: Placeholders) -> None:
    if condition.operator in ("<", "<=", ">", ">="):
        for operand in condition.operands:
            kind = _static_type(operand, placeholders)
            if kind not in (None, "S", "N", "B"):
                raise _wrong_type(condition.operator, str(kind))
    if condition.operator == "BETWEEN":
        low, high = (_literal(operand, placeholders) for operand in condition.operands[1:])
        if low and high:
            check_bounds(low, high)


def check_bounds(low: AttributeValue, high: AttributeValue) -> None:
    """Raise SyntaxProblem unless two literal bounds are of one type and in order."""
    kinds = type_of(low), type_of(high)
    bounds = (
        f"lower bound operand: AttributeValue: {_shown(low)}, "
        f"upper bound operand: AttributeValue: {_shown(high)}"
    )
    if kinds[0] != kinds[1]:
        raise SyntaxProblem(
            f"The BETWEEN operator requires same data type for lower and upper bounds; {bounds}"
        )
    first, last = sort_value(low), sort_value(high)
    if first is None:
        raise _wrong_type("BETWEEN", kinds[0])
    if first > last:
        raise SyntaxProblem(
            "The BETWEEN operator requires upper bound to be greater than or equal to lower "
            f"bound; {bounds}"
        )


def _shown(value: AttributeValue) -> str:
    kind = type_of(value)
    return f"{{{kind}:{value[kind]}}}"
