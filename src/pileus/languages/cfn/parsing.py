"""Template text into plain values: JSON, or YAML with CloudFormation's short-form tags.

YAML is composed to nodes and converted here, not constructed by the YAML library: keys keep their
spelling, dates stay text, duplicates are found and every complaint knows its line.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from pileus.languages.cfn.errors import TemplateError

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9_]*)\Z")
_OTHER_BASE = re.compile(r"[-+]?0[xo][0-9a-fA-F]+\Z")
_FLOAT = re.compile(
    r"[-+]?((0|[1-9][0-9]*)\.[0-9]*([eE][-+]?[0-9]+)?|\.[0-9]+([eE][-+]?[0-9]+)?"
    r"|(0|[1-9][0-9]*)[eE][-+]?[0-9]+)\Z"
)
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_TRUES = frozenset(("true", "True", "TRUE"))
_FALSES = frozenset(("false", "False", "FALSE"))
_TRUES_1_1 = _TRUES | {"yes", "Yes", "YES", "on", "On", "ON"}
_FALSES_1_1 = _FALSES | {"no", "No", "NO", "off", "Off", "OFF"}
_SHORT_FORMS = {"Ref": "Ref", "Condition": "Condition"}
_FUNCTIONS = frozenset(
    [
        "And",
        "Base64",
        "Cidr",
        "Contains",
        "EachMemberEquals",
        "EachMemberIn",
        "Equals",
        "FindInMap",
        "GetAtt",
        "GetAZs",
        "If",
        "ImportValue",
        "Join",
        "Length",
        "Not",
        "Or",
        "RefAll",
        "Select",
        "Split",
        "Sub",
        "ToJsonString",
        "Transform",
        "ValueOf",
        "ValueOfAll",
    ]
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How strictly YAML is read.

    Attributes:
        aliases: anchors, aliases and merge keys are allowed (serverless.yml), or refused (AWS).
        words: ``yes``, ``no``, ``on`` and ``off`` are booleans, as in YAML 1.1.
    """

    aliases: bool = False
    words: bool = True


CLOUDFORMATION = Dialect()
SERVERLESS = Dialect(aliases=True, words=False)


def parse_text(text: str, dialect: Dialect = CLOUDFORMATION) -> Any:
    """Plain values (dict, list, str, int, float, bool, None) from JSON or YAML text.

    Numbers with a leading zero (account ids) and dates stay text.

    Raises:
        TemplateError: not well-formed, a duplicate key, an unknown tag, a forbidden alias.
    """
    try:
        if text.lstrip("\ufeff \t\r\n").startswith("{"):
            return _parse_json(text, dialect)
        return _parse_yaml(text, dialect)
    except RecursionError as error:
        raise TemplateError("Template format error: nested too deeply.") from error


def _parse_json(text: str, dialect: Dialect) -> Any:
    try:
        return json.loads(text.lstrip("\ufeff"), object_pairs_hook=_unique_pairs)
    except json.JSONDecodeError as error:
        try:
            return _parse_yaml(text, dialect)  # a flow mapping is YAML too
        except TemplateError:
            raise TemplateError(
                f"Template format error: JSON not well-formed. (line {error.lineno}, "
                f"column {error.colno})"
            ) from error


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise TemplateError(f"Template format error: duplicate key {key!r}.")
        result[key] = value
    return result


def _parse_yaml(text: str, dialect: Dialect) -> Any:
    try:
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise TemplateError(f"Template format error: YAML not well-formed.{where}") from error
    except yaml.YAMLError as error:
        raise TemplateError(f"Template format error: YAML not well-formed. {error}") from error
    return None if root is None else _Conversion(dialect).value(root)


def line_of(text: str, path: Sequence[str]) -> int | None:
    """The line (from 1) of what ``path`` leads to in a well-formed text.

    Where the path leads on beyond the text (something is missing, an alias or a variable stands
    for it) it is the line of the last part that is there; None when not even the first part is.
    """
    node, line = yaml.compose(text, Loader=_LOADER), None
    for part in path:
        found = _member(node, part)
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line


def _member(node: yaml.Node | None, name: str) -> tuple[yaml.Node, yaml.Node] | None:
    """What tells the place of a member, and the member; None without it."""
    if isinstance(node, yaml.MappingNode):
        return next((pair for pair in node.value if pair[0].value == name), None)
    if isinstance(node, yaml.SequenceNode) and name.isdigit() and int(name) < len(node.value):
        entry = node.value[int(name)]
        return entry, entry
    return None


def _place(node: yaml.Node) -> str:
    return f"(line {node.start_mark.line + 1}, column {node.start_mark.column + 1})"


@dataclass(slots=True)
class _Conversion:
    """One walk over the nodes of a document."""

    dialect: Dialect
    seen: set[int] = field(default_factory=set)
    open: set[int] = field(default_factory=set)

    def value(self, node: yaml.Node) -> Any:
        if id(node) in self.open:
            raise TemplateError(f"Template format error: an alias contains itself {_place(node)}")
        if not self.dialect.aliases:
            if id(node) in self.seen:
                raise TemplateError(
                    "Template error: YAML aliases are not allowed in CloudFormation templates"
                )
            self.seen.add(id(node))
        self.open.add(id(node))
        try:
            return self._tagged(node)
        finally:
            self.open.discard(id(node))

    def _tagged(self, node: yaml.Node) -> Any:
        tag = str(node.tag)
        if tag.startswith("tag:yaml.org,2002:") or tag == "!":
            return self._plain(node)
        name = tag.removeprefix("!")
        if name not in _SHORT_FORMS and name not in _FUNCTIONS:
            raise TemplateError(f"Template format error: unsupported tag {tag} {_place(node)}")
        inner = self._plain(node)
        if name == "GetAtt" and isinstance(inner, str):
            inner = inner.split(".", 1)
        return {_SHORT_FORMS.get(name, f"Fn::{name}"): inner}

    def _plain(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item) for item in node.value]
        return scalar(node, self.dialect)

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: list[dict[str, Any]] = []
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise TemplateError(
                    f"Template format error: a key must be a string {_place(key_node)}"
                )
            if self.dialect.aliases and key_node.tag == "tag:yaml.org,2002:merge":
                merged.extend(self._merged(value_node))
                continue
            key = key_node.value
            if key in result:
                raise TemplateError(
                    f"Template format error: duplicate key {key!r} {_place(key_node)}"
                )
            result[key] = self.value(value_node)
        for source in merged:
            for key, value in source.items():
                result.setdefault(key, value)
        return result

    def _merged(self, node: yaml.Node) -> list[dict[str, Any]]:
        value = self.value(node)
        sources = value if isinstance(value, list) else [value]
        if not all(isinstance(source, dict) for source in sources):
            raise TemplateError(f"Template format error: << needs a mapping {_place(node)}")
        return sources


def scalar(node: yaml.Node, dialect: Dialect) -> Any:
    """The value of a scalar node: text, unless it is plain and looks like something else."""
    text: str = node.value
    tag = str(node.tag)
    if tag == "tag:yaml.org,2002:binary":
        raise TemplateError(f"Template format error: unsupported tag !!binary {_place(node)}")
    if getattr(node, "style", None) or tag.startswith("!") or tag.endswith(":str"):
        return text
    return plain_value(text, dialect)


def plain_value(text: str, dialect: Dialect = SERVERLESS) -> Any:
    """What an unquoted YAML scalar stands for."""
    if text in _NULLS:
        return None
    if text in (_TRUES_1_1 if dialect.words else _TRUES):
        return True
    if text in (_FALSES_1_1 if dialect.words else _FALSES):
        return False
    for pattern, convert in _NUMBERS:
        if pattern.match(text):
            return convert(text)
    return text


_NUMBERS: tuple[tuple[re.Pattern[str], Callable[[str], int | float]], ...] = (
    (_INTEGER, lambda text: int(text.replace("_", ""))),
    (_OTHER_BASE, lambda text: int(text, 0)),
    (_FLOAT, float),
)
