"""Form parameters of the query protocol to house values, compiled per shape.

Parameters such as ``Tags.member.1.Key`` are first folded into a tree, so that a shape is only
walked as deep as the request goes. https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

from pileus.protocols.xml_values import text_reader
from pileus.shapes.model import Member, Shape
from pileus.values.errors import ServiceError

Node = str | dict[str, Any]
Read = Callable[[Node], Any]

_DEPTH_MAX = 64


def parse_form(text: str) -> dict[str, str]:
    """The parameters of a query string or form body; of repeated names the last counts."""
    found = {}
    for pair in text.split("&"):
        if not pair:
            continue
        name, _, value = pair.partition("=")
        if "%" in name or "+" in name:
            name = unquote_plus(name)
        if "%" in value or "+" in value:
            value = unquote_plus(value)
        found[name] = value
    return found


def fold(parameters: dict[str, str]) -> dict[str, Any]:
    """``{"A.1.B": "x"}`` → ``{"A": {"1": {"B": "x"}}}``.

    Raises:
        ServiceError: MalformedQueryString for names nested deeper than any shape.
    """
    tree: dict[str, Any] = {}
    for name, value in parameters.items():
        if "." not in name:
            tree.setdefault(name, value)
            continue
        parts = name.split(".")
        if len(parts) > _DEPTH_MAX:
            raise ServiceError("MalformedQueryString", f"The parameter {name[:80]} nests too deep")
        node = tree
        for part in parts[:-1]:
            inner = node.get(part)
            if type(inner) is not dict:
                inner = node[part] = {}
            node = inner
        node.setdefault(parts[-1], value)
    return tree


class QueryReader:
    """Compiles ``tree → mapping``; a recursive shape refers to its own reader."""

    def __init__(self) -> None:
        self._cells: dict[int, list[Read]] = {}

    def structure(self, shape: Shape) -> Read:
        """A function from a folded tree to a mapping in wire names."""
        known = self._cells.get(id(shape))
        if known is not None:
            return lambda node: known[0](node)
        cell = self._cells[id(shape)] = []
        plan: dict[str, tuple[str, Read]] = {}
        for member in shape.members.values():
            for wire_name in _spellings(member):
                plan.setdefault(wire_name, (member.name, self._value(member)))

        def read(node: Node) -> dict[str, Any]:
            out: dict[str, Any] = {}
            if type(node) is not dict:
                return out
            for key, inner in node.items():
                found = plan.get(key)
                if found is not None:
                    name, convert = found
                    out[name] = convert(inner)
            return out

        cell.append(read)
        return read

    def _value(self, member: Member) -> Read:
        shape = member.shape
        if shape.kind == "structure":
            return self.structure(shape)
        if shape.kind == "list":
            return self._list(member)
        if shape.kind == "map":
            return self._map(member)
        convert = text_reader(member)
        name = member.name

        def scalar(node: Node) -> Any:
            if type(node) is not str:
                raise _malformed(name)
            try:
                return convert(node)
            except ValueError as problem:
                raise _malformed(name) from problem

        return scalar

    def _list(self, member: Member) -> Read:
        assert member.shape.element is not None
        item = self._value(member.shape.element)
        wrapper = "" if member.is_flattened else member.shape.element.location_name or "member"

        def read(node: Node) -> list[Any]:
            if type(node) is not dict:
                # "Tags=" is the empty list; SQS also takes "AttributeName=All".
                return [item(node)] if node and not wrapper else []
            inner = node.get(wrapper, node) if wrapper else node
            if type(inner) is not dict:
                return []
            return [item(each) for _, each in _numbered(inner, member.name)]

        return read

    def _map(self, member: Member) -> Read:
        shape = member.shape
        assert shape.key is not None and shape.value is not None
        key, value = self._value(shape.key), self._value(shape.value)
        key_name = shape.key.location_name or "key"
        value_name = shape.value.location_name or "value"
        wrapper = "" if member.is_flattened else "entry"

        def read(node: Node) -> dict[Any, Any]:
            if type(node) is not dict:
                return {}
            inner = node.get(wrapper, node) if wrapper else node
            if key_name in inner:
                inner = {"1": inner}  # SQS also takes "Attribute.Name=…&Attribute.Value=…"
            out = {}
            for _, entry in _numbered(inner, member.name):
                if type(entry) is not dict or key_name not in entry:
                    raise _malformed(member.name)
                out[key(entry[key_name])] = value(entry.get(value_name, ""))
            return out

        return read


def _spellings(member: Member) -> list[str]:
    """The names a client may use for a member, the protocol's own first."""
    found = []
    if member.query_name:
        found.append(member.query_name)
    if member.is_flattened and member.shape.element is not None:
        found.append(member.shape.element.location_name)
    found.append(member.wire_name)
    return [name for name in found if name]


def _numbered(node: dict[str, Any], name: str) -> list[tuple[int, Any]]:
    try:
        return sorted(((int(key), each) for key, each in node.items()), key=lambda pair: pair[0])
    except ValueError as problem:
        raise _malformed(name) from problem


def _malformed(name: str) -> ServiceError:
    return ServiceError("MalformedInput", f"The parameter {name} has a malformed value")
