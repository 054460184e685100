"""XML documents to house values and back, compiled per shape.

https://smithy.io/2.0/spec/protocol-traits.html#xml-bindings
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree

from pileus.protocols import timestamps
from pileus.shapes.model import Member, Shape
from pileus.values.errors import ServiceError

Element = ElementTree.Element
Read = Callable[[Any], Any]
Write = Callable[[Any, Callable[[str], object]], object]

_XSI = "http://www.w3.org/2001/XMLSchema-instance"


def malformed_xml() -> ServiceError:
    """S3's answer to a document it cannot read."""
    return ServiceError(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )


def parse_document(raw: bytes) -> Element:
    """The root element; MalformedXML for anything but XML without a document type."""
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
        raise malformed_xml()
    try:
        return ElementTree.fromstring(raw)
    except ElementTree.ParseError as problem:
        raise malformed_xml() from problem


def local_name(tag: str) -> str:
    """The tag without its namespace."""
    return tag.rpartition("}")[2]


def escape(text: str) -> str:
    """Text for an element or a quoted attribute."""
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text:
        text = text.replace("<", "&lt;")
    if ">" in text:
        text = text.replace(">", "&gt;")
    if '"' in text:
        text = text.replace('"', "&quot;")
    if "\r" in text:
        text = text.replace("\r", "&#xD;")
    return text


def list_name(member: Member, place_name: str) -> str:
    """The element name of each item of a flattened list."""
    assert member.shape.element is not None
    return member.shape.element.location_name or place_name


# ---------------------------------------------------------------- reading


class Reader:
    """Compiles ``element → value``; a recursive shape refers to its own reader."""

    def __init__(self) -> None:
        self._cells: dict[int, list[Read]] = {}

    def structure(self, shape: Shape) -> Read:
        """A function from an element to a mapping of the shape's body members."""
        known = self._cells.get(id(shape))
        if known is not None:
            return lambda element: known[0](element)
        cell = self._cells[id(shape)] = []
        plain: dict[str, tuple[str, Read]] = {}
        repeated: dict[str, tuple[str, Read, bool]] = {}
        attributes: dict[str, str] = {}
        for member in shape.members.values():
            if member.location:
                continue
            inner = member.shape
            if member.is_xml_attribute:
                attributes[member.wire_name.rpartition(":")[2]] = member.name
            elif member.is_flattened and inner.kind == "list":
                assert inner.element is not None
                tag = list_name(member, member.wire_name)
                repeated[tag] = (member.name, self.value(inner.element), False)
            elif member.is_flattened and inner.kind == "map":
                repeated[member.wire_name] = (member.name, self._entry(inner), True)
            else:
                plain[member.wire_name] = (member.name, self.value(member))

        def read(element: Element) -> dict[str, Any]:
            out: dict[str, Any] = {}
            for child in element:
                tag = local_name(child.tag)
                found = plain.get(tag)
                if found is not None:
                    out[found[0]] = found[1](child)
                    continue
                several = repeated.get(tag)
                if several is None:
                    continue  # unknown elements are ignored, as AWS does
                name, item, is_map = several
                if is_map:
                    out.setdefault(name, {}).update(dict([item(child)]))
                else:
                    out.setdefault(name, []).append(item(child))
            for key, text in element.attrib.items() if attributes else ():
                name = attributes.get(local_name(key), "")
                if name:
                    out[name] = text
            return out

        cell.append(read)
        return read

    def value(self, member: Member) -> Read:
        """A function from an element to the member's value."""
        shape = member.shape
        if shape.kind == "structure":
            return self.structure(shape)
        if shape.kind == "list":
            assert shape.element is not None
            item = self.value(shape.element)
            return lambda element: [item(child) for child in element]
        if shape.kind == "map":
            entry = self._entry(shape)
            return lambda element: dict(entry(child) for child in element)
        convert = text_reader(member)
        return lambda element: convert(element.text or "")

    def _entry(self, shape: Shape) -> Read:
        assert shape.key is not None and shape.value is not None
        key, value = self.value(shape.key), self.value(shape.value)
        key_tag = shape.key.location_name or "key"
        value_tag = shape.value.location_name or "value"

        def read(element: Element) -> tuple[Any, Any]:
            parts = {local_name(child.tag): child for child in element}
            if key_tag not in parts or value_tag not in parts:
                raise malformed_xml()
            return key(parts[key_tag]), value(parts[value_tag])

        return read


def text_reader(member: Member) -> Callable[[str], Any]:
    """Text (an element's, a header's, a query parameter's) → the member's value.

    Raises, when called:
        ValueError: for text that is no such value.
    """
    kind = member.shape.kind
    if kind in ("integer", "long"):
        return lambda text: int(text)
    if kind in ("float", "double"):
        return float
    if kind == "boolean":
        return _boolean
    if kind == "timestamp":
        return timestamps.parse
    if kind == "blob":
        return _blob
    return _same


def _same(text: str) -> str:
    return text


def _boolean(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in ("true", "1"):
        return True
    if lowered in ("false", "0"):
        return False
    raise ValueError(f"not a boolean: {text!r}")


def _blob(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except binascii.Error as problem:
        raise ValueError("not base64") from problem


# ---------------------------------------------------------------- writing


class Writer:
    """Compiles ``(value, append) → None``, appending pieces of text.

    Args:
        uses_query_names: flattened maps and lists take ``query_name`` where the model has one.
    """

    def __init__(self, *, uses_query_names: bool = False) -> None:
        self._uses_query_names = uses_query_names
        self._cells: dict[tuple[int, str], list[Write]] = {}

    def body(self, shape: Shape) -> Write:
        """Writes the members of a structure without an element around them."""
        plan = []
        for member in shape.members.values():
            if not member.location and not member.is_xml_attribute:
                plan.append((member.name, self.member(member)))

        def write(value: Mapping[str, Any], append: Callable[[str], object]) -> None:
            for name, each in plan:
                given = value.get(name)
                if given is not None:
                    each(given, append)

        return write

    def member(self, member: Member) -> Write:
        """Writes a structure's member, element name included."""
        name = member.wire_name
        if self._uses_query_names and member.query_name:
            name = member.query_name
        if member.is_flattened and member.shape.kind == "list":
            return self._flat_list(member, name)
        if member.is_flattened and member.shape.kind == "map":
            return self._entries(member.shape, name)
        return self.element(member, name)

    def element(self, member: Member, name: str, namespace: str = "") -> Write:
        """Writes a value inside an element called ``name``."""
        shape = member.shape
        attribute = f' xmlns="{escape(namespace)}"' if namespace else ""
        start, end = f"<{name}{attribute}>", f"</{name}>"
        if shape.kind == "structure":
            return self._structure(member, start, end)
        if shape.kind == "list":
            assert shape.element is not None
            item = self.element(shape.element, shape.element.location_name or "member")

            def write_list(value: Any, append: Callable[[str], object]) -> None:
                append(start)
                for each in value:
                    item(each, append)
                append(end)

            return write_list
        if shape.kind == "map":
            entries = self._entries(shape, "entry")

            def write_map(value: Any, append: Callable[[str], object]) -> None:
                append(start)
                entries(value, append)
                append(end)

            return write_map
        text = text_writer(member, timestamps.iso8601_millis)
        if shape.kind == "string":
            return lambda value, append: append(f"{start}{escape(text(value))}{end}")
        return lambda value, append: append(f"{start}{text(value)}{end}")

    def _structure(self, member: Member, start: str, end: str) -> Write:
        shape = member.shape
        known = self._cells.get((id(shape), start))
        if known is not None:
            return lambda value, append: known[0](value, append)
        cell = self._cells[(id(shape), start)] = []
        attributes = [each for each in shape.members.values() if each.is_xml_attribute]
        inside = self.body(shape)
        if not attributes:

            def write(value: Any, append: Callable[[str], object]) -> None:
                append(start)
                inside(value, append)
                append(end)
        else:

            def write(value: Any, append: Callable[[str], object]) -> None:
                append(f'{start[:-1]} xmlns:xsi="{_XSI}"')
                for each in attributes:
                    if value.get(each.name) is not None:
                        append(f' {each.wire_name}="{escape(str(value[each.name]))}"')
                append(">")
                inside(value, append)
                append(end)

        cell.append(write)
        return write

    def _flat_list(self, member: Member, name: str) -> Write:
        assert member.shape.element is not None
        item = self.element(member.shape.element, list_name(member, name))

        def write(value: Any, append: Callable[[str], object]) -> None:
            for each in value:
                item(each, append)

        return write

    def _entries(self, shape: Shape, name: str) -> Write:
        assert shape.key is not None and shape.value is not None
        key = self.element(shape.key, shape.key.location_name or "key")
        value = self.element(shape.value, shape.value.location_name or "value")

        def write(given: Any, append: Callable[[str], object]) -> None:
            for each_key, each_value in given.items():
                append(f"<{name}>")
                key(each_key, append)
                value(each_value, append)
                append(f"</{name}>")

        return write


def text_writer(
    member: Member, timestamp_default: Callable[[timestamps.Moment], str]
) -> Callable[[Any], str]:
    """The member's value as text for an element, a header or a query parameter."""
    kind = member.shape.kind
    if kind == "boolean":
        return lambda value: "true" if value else "false"
    if kind == "timestamp":
        return timestamps.text_format(member.timestamp_format, timestamp_default)
    if kind == "blob":
        return lambda value: base64.b64encode(value).decode()
    if kind in ("float", "double"):
        return _float_text
    return str


def _float_text(value: float) -> str:
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return str(value)
