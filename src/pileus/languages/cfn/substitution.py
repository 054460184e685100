"""The small grammar inside strings: ``${Name}`` of Fn::Sub, ``Logical.Attribute`` of GetAtt."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pileus.languages.cfn.errors import TemplateError

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_NAME = re.compile(r"[A-Za-z0-9_.:]+\Z")


def substitute(template: str, value_of: Callable[[str], str]) -> str:
    """Replace each ``${Name}``; ``${!Name}`` is left as ``${Name}``.

    Raises:
        TemplateError: a variable that is no name.
    """

    def replace(match: re.Match[str]) -> str:
        inner = match[1]
        if inner.startswith("!"):
            return "${" + inner[1:] + "}"
        return value_of(_checked(inner))

    return _VARIABLE.sub(replace, template)


def variables(template: str) -> list[str]:
    """The names ``template`` refers to, in order."""
    return [_checked(inner) for inner in _VARIABLE.findall(template) if not inner.startswith("!")]


def _checked(inner: str) -> str:
    name = inner.strip()
    if not _NAME.match(name):
        raise TemplateError(
            "Template error: variable names in Fn::Sub syntax must contain only alphanumeric "
            "characters, underscores, periods, and colons"
        )
    return name


def split_attribute(argument: Any) -> tuple[str, Any]:
    """The logical id and the attribute of a ``Fn::GetAtt``; the latter may be a function.

    Raises:
        TemplateError: neither ``"A.B"`` nor ``["A", B]``.
    """
    parts = argument.split(".", 1) if isinstance(argument, str) else argument
    if isinstance(parts, list) and len(parts) > 2 and all(isinstance(p, str) for p in parts):
        parts = [parts[0], ".".join(parts[1:])]
    if (
        not isinstance(parts, list)
        or len(parts) != 2
        or not isinstance(parts[0], str)
        or not all(parts)
    ):
        raise TemplateError(
            "Template error: every Fn::GetAtt object requires two non-empty parameters, the "
            "resource name and the resource attribute"
        )
    return parts[0], parts[1]
