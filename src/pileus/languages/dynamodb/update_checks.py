"""What makes a well-formed update illegal, in the order in which DynamoDB notices it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from pileus.languages.dynamodb.attribute_values import type_of
from pileus.languages.dynamodb.paths import check_disjoint
from pileus.languages.dynamodb.placeholders import Placeholders, ResolvedPath, check_reserved
from pileus.languages.dynamodb.syntax import (
    Action,
    Call,
    Operand,
    Path,
    Reference,
    SyntaxProblem,
    UpdateTree,
    read_update,
)

_FUNCTIONS = {"if_not_exists": None, "list_append": "L", "+": "N", "-": "N"}
_TYPE_NAMES = {
    "S": "STRING",
    "N": "NUMBER",
    "B": "BINARY",
    "NULL": "NULL",
    "BOOL": "BOOLEAN",
    "L": "LIST",
    "M": "MAP",
}


def read_checked_update(text: str, placeholders: Placeholders) -> list[tuple[Action, ResolvedPath]]:
    """Read an update and check it against DynamoDB's rules.

    Returns:
        The actions in order, each with its path, aliases resolved.
    Raises:
        SyntaxProblem: with DynamoDB's reason.
    """
    tree, nodes, calls = _prepared(text)
    for node in nodes:
        if isinstance(node, Path):
            placeholders.path(node)
    for node in nodes:
        if isinstance(node, Reference):
            placeholders.value(node.name)
    paths = [placeholders.path(action.path) for action in tree.actions]
    check_disjoint(paths)
    for action in tree.actions:
        _check_set_operand(action, placeholders)
    for call in calls:
        _check_call(call, placeholders)
    return list(zip(tree.actions, paths, strict=True))


@lru_cache(maxsize=4096)
def _prepared(text: str) -> tuple[UpdateTree, tuple[Operand, ...], tuple[Call, ...]]:
    """Everything that can be said of a text without names and values."""
    tree = read_update(text)
    nodes = tuple(node for action in tree.actions for node in _nodes(action))
    for node in nodes:
        if isinstance(node, Path):
            check_reserved(node)
    calls = tuple(node for node in nodes if isinstance(node, Call))
    for call in calls:
        if call.name not in _FUNCTIONS:
            raise SyntaxProblem(f"Invalid function name; function: {call.name}")
    for index, section in enumerate(tree.sections):
        if section in tree.sections[:index]:
            raise SyntaxProblem(
                f'The "{section}" section can only be used once in an update expression;'
            )
    return tree, nodes, calls


def _nodes(action: Action) -> Iterator[Operand]:
    yield action.path
    if action.operand is not None:
        yield from _below(action.operand)


def _below(operand: Operand) -> Iterator[Operand]:
    if isinstance(operand, Call):
        for argument in operand.arguments:
            yield from _below(argument)
    yield operand


def _check_set_operand(action: Action, placeholders: Placeholders) -> None:
    if action.section not in ("ADD", "DELETE"):
        return
    assert isinstance(action.operand, Reference)
    kind = type_of(placeholders.value(action.operand.name))
    if kind in _TYPE_NAMES and (action.section, kind) != ("ADD", "N"):
        raise SyntaxProblem(
            "Incorrect operand type for operator or function; "
            f"operator: {action.section}, operand type: {_TYPE_NAMES[kind]}, "
            f"typeSet: ALLOWED_FOR_{action.section}_OPERAND"
        )


def _check_call(call: Call, placeholders: Placeholders) -> None:
    name = call.name
    if len(call.arguments) != 2:
        raise SyntaxProblem(
            "Incorrect number of operands for operator or function; "
            f"operator or function: {name}, number of operands: {len(call.arguments)}"
        )
    if name == "if_not_exists":
        if not isinstance(call.arguments[0], Path):
            raise SyntaxProblem(
                f"Operator or function requires a document path; operator or function: {name}"
            )
        return
    for argument in call.arguments:
        if isinstance(argument, Reference):
            kind = type_of(placeholders.value(argument.name))
            if kind != _FUNCTIONS[name]:
                raise SyntaxProblem(
                    "Incorrect operand type for operator or function; "
                    f"operator or function: {name}, operand type: {kind}"
                )
