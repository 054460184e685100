"""Key conditions: which partition a query reads, and which range of it.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.KeyConditionExpressions.html
"""

from __future__ import annotations

from dataclasses import dataclass

from pileus.languages.dynamodb.attribute_values import AttributeValue, equal, type_of
from pileus.languages.dynamodb.condition_checks import read_checked_condition
from pileus.languages.dynamodb.conditions import ORDERINGS, begins_with
from pileus.languages.dynamodb.errors import INVALID_PARAMETERS, InvalidRequest
from pileus.languages.dynamodb.placeholders import Placeholders
from pileus.languages.dynamodb.syntax import (
    Call,
    Comparison,
    Condition,
    Logical,
    Operand,
    Path,
    Reference,
    SyntaxProblem,
)

_MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class SortCondition:
    """A condition on one key attribute.

    ``operator`` is ``=``, ``<``, ``<=``, ``>``, ``>=``, ``BETWEEN`` (two values) or
    ``begins_with``.
    """

    operator: str
    values: tuple[AttributeValue, ...]

    def accepts(self, value: AttributeValue) -> bool:
        """Whether a key value satisfies the condition."""
        if self.operator == "=":
            return equal(value, self.values[0])
        if self.operator == "begins_with":
            return begins_with(value, self.values[0])
        if self.operator == "BETWEEN":
            low, high = self.values
            return ORDERINGS[">="](value, low) and ORDERINGS["<="](value, high)
        return ORDERINGS[self.operator](value, self.values[0])


@dataclass(frozen=True, slots=True)
class KeyRange:
    """One partition, and the condition on the sort key if there is one."""

    partition: AttributeValue
    sort: SortCondition | None


@dataclass(frozen=True, slots=True)
class KeyCondition:
    """Conditions by attribute name, before it is known which key each name is."""

    by_name: dict[str, SortCondition]

    def resolve(self, partition: str, sort: str | None, types: dict[str, str]) -> KeyRange:
        """Lay the conditions over a key schema.

        Args:
            partition: name of the partition key of the table or index queried.
            sort: name of its sort key, None when it has none.
            types: type (S, N, B) of each key attribute.
        Raises:
            InvalidRequest: when a key is missing, not allowed, or of another type.
        """
        if partition not in self.by_name:
            raise InvalidRequest(f"Query condition missed key schema element: {partition}")
        others = [name for name in self.by_name if name != partition]
        if others and others != [sort]:
            if sort is None:
                raise InvalidRequest("Query key condition not supported")
            raise InvalidRequest(f"Query condition missed key schema element: {sort}")
        for name, condition in self.by_name.items():
            if any(type_of(value) != types[name] for value in condition.values):
                raise InvalidRequest(
                    f"{INVALID_PARAMETERS}Condition parameter type does not match schema type"
                )
        first = self.by_name[partition]
        if first.operator != "=":
            raise InvalidRequest("Query key condition not supported")
        second = self.by_name[others[0]] if others else None
        if second and second.operator == "begins_with" and types[others[0]] == "N":
            raise InvalidRequest(
                f"{INVALID_PARAMETERS}ComparisonOperator BEGINS_WITH is not valid for N "
                "AttributeValue type"
            )
        return KeyRange(first.values[0], second)


def compile_key_condition(text: str, placeholders: Placeholders) -> KeyCondition:
    """Compile a key condition expression.

    Raises:
        InvalidRequest: with DynamoDB's reason.
    """
    try:
        parts = _conjuncts(read_checked_condition(text, placeholders))
    except SyntaxProblem as problem:
        raise InvalidRequest(f"Invalid KeyConditionExpression: {problem}") from None
    if len(parts) > 2:
        raise InvalidRequest("Conditions can be of length 1 or 2 only")
    by_name: dict[str, SortCondition] = {}
    for part in parts:
        name, condition = _simple(part, placeholders)
        if name in by_name:
            raise InvalidRequest("KeyConditionExpressions must only contain one condition per key")
        by_name[name] = condition
    return KeyCondition(by_name)


def _conjuncts(node: Condition) -> list[Comparison | Call]:
    if isinstance(node, Logical):
        if node.operator != "AND":
            raise SyntaxProblem(f"Invalid operator used in KeyConditionExpression: {node.operator}")
        return [part for each in node.parts for part in _conjuncts(each)]
    name = node.operator if isinstance(node, Comparison) else node.name
    if name in ("<>", "IN") or (isinstance(node, Call) and name != "begins_with"):
        raise SyntaxProblem(f"Invalid operator used in KeyConditionExpression: {name}")
    return [node]


def _simple(node: Comparison | Call, placeholders: Placeholders) -> tuple[str, SortCondition]:
    operands = node.operands if isinstance(node, Comparison) else node.arguments
    operator = node.operator if isinstance(node, Comparison) else node.name
    if any(isinstance(operand, Call) for operand in operands):
        raise InvalidRequest("KeyConditionExpressions cannot contain nested operations")
    paths = [operand for operand in operands if isinstance(operand, Path)]
    problem = "Invalid condition in KeyConditionExpression: "
    if not paths:
        raise InvalidRequest(f"{problem}No key attribute specified")
    if len(paths) > 1:
        raise InvalidRequest(f"{problem}Multiple attribute names used in one condition")
    path = placeholders.path(paths[0])
    if len(path) > 1:
        raise InvalidRequest("KeyConditionExpressions cannot have conditions on nested attributes")
    if not isinstance(operands[0], Path):
        if operator not in _MIRRORED:
            raise InvalidRequest(
                f"{problem}{operator} operator must have the key attribute as its first operand"
            )
        operator, operands = _MIRRORED[operator], operands[::-1]
    return str(path[0]), SortCondition(operator, _values(operands[1:], placeholders))


def _values(
    operands: tuple[Operand, ...], placeholders: Placeholders
) -> tuple[AttributeValue, ...]:
    return tuple(
        placeholders.value(operand.name) for operand in operands if isinstance(operand, Reference)
    )
