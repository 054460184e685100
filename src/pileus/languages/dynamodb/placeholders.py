"""ExpressionAttributeNames and ExpressionAttributeValues of one request.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ExpressionAttributeNames.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pileus.languages.dynamodb.attribute_values import AttributeValue, validated
from pileus.languages.dynamodb.errors import InvalidRequest
from pileus.languages.dynamodb.reserved_words import is_reserved
from pileus.languages.dynamodb.syntax import Path, SyntaxProblem

_NAME = re.compile(r"#\w+", re.ASCII)
_VALUE = re.compile(r":\w+", re.ASCII)

ResolvedPath = tuple[str | int, ...]


class Placeholders:
    """What ``#name`` and ``:value`` stand for, and which of them no expression has used yet.

    Args:
        names: the request's ExpressionAttributeNames, None when absent.
        values: the request's ExpressionAttributeValues, None when absent.
        has_expressions: whether the request carries any expression at all.
    Raises:
        InvalidRequest: for bad keys, bad values, empty mappings, or either without an expression.
    """

    def __init__(
        self,
        names: Mapping[str, str] | None = None,
        values: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        has_expressions: bool = True,
    ) -> None:
        self._names = _checked_names(names, has_expressions=has_expressions)
        self._values = _checked_values(values, has_expressions=has_expressions)
        self._used: set[str] = set()

    def value(self, reference: str) -> AttributeValue:
        """The value of ``:name``; SyntaxProblem when it is not defined."""
        if reference not in self._values:
            raise SyntaxProblem(
                "An expression attribute value used in expression is not defined; "
                f"attribute value: {reference}"
            )
        self._used.add(reference)
        return self._values[reference]

    def path(self, path: Path) -> ResolvedPath:
        """A path with its aliases resolved; SyntaxProblem when one is not defined."""
        if not path.has_aliases:
            return path.parts
        return tuple(
            self._name(part) if isinstance(part, str) and part[0] == "#" else part
            for part in path.parts
        )

    def _name(self, alias: str) -> str:
        if alias not in self._names:
            raise SyntaxProblem(
                "An expression attribute name used in the document path is not defined; "
                f"attribute name: {alias}"
            )
        self._used.add(alias)
        return self._names[alias]

    def check_all_used(self) -> None:
        """Raise InvalidRequest when a name or value was used by none of the expressions."""
        for label, known in (("Names", self._names), ("Values", self._values)):
            unused = [key for key in known if key not in self._used]
            if unused:
                raise InvalidRequest(
                    f"Value provided in ExpressionAttribute{label} unused in expressions: "
                    f"keys: {{{', '.join(unused)}}}"
                )


def check_reserved(path: Path) -> None:
    """Raise SyntaxProblem when a name of the path is a reserved word."""
    for part in path.parts:
        if isinstance(part, str) and part[0] != "#" and is_reserved(part):
            raise SyntaxProblem(f"Attribute name is a reserved keyword; reserved keyword: {part}")


def shown_path(path: ResolvedPath) -> str:
    """A path as DynamoDB's messages show it: ``[a, [0], b]``."""
    shown = (f"[{part}]" if isinstance(part, int) else part for part in path)
    return f"[{', '.join(shown)}]"


def _checked_names(names: Mapping[str, str] | None, *, has_expressions: bool) -> Mapping[str, str]:
    if names is None:
        return {}
    if not has_expressions:
        raise InvalidRequest(
            "ExpressionAttributeNames can only be specified when using expressions"
        )
    if not names:
        raise InvalidRequest("ExpressionAttributeNames must not be empty")
    for key in names:
        if not _NAME.fullmatch(key):
            raise InvalidRequest(
                f'ExpressionAttributeNames contains invalid key: Syntax error; key: "{key}"'
            )
    return names


def _checked_values(
    values: Mapping[str, Mapping[str, Any]] | None, *, has_expressions: bool
) -> dict[str, AttributeValue]:
    if values is None:
        return {}
    if not has_expressions:
        raise InvalidRequest(
            "ExpressionAttributeValues can only be specified when using expressions"
        )
    if not values:
        raise InvalidRequest("ExpressionAttributeValues must not be empty")
    checked = {}
    for key, value in values.items():
        if not _VALUE.fullmatch(key):
            raise InvalidRequest(
                f'ExpressionAttributeValues contains invalid key: Syntax error; key: "{key}"'
            )
        try:
            checked[key] = validated(value)
        except InvalidRequest as error:
            raise InvalidRequest(
                f"ExpressionAttributeValues contains invalid value: {error.message} for key {key}"
            ) from None
    return checked
