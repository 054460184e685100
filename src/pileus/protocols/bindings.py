"""Members that travel outside the body: path labels, query parameters, headers, the status code.

Shared by both rest protocols. https://smithy.io/2.0/spec/http-bindings.html
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote_plus

from pileus.protocols import timestamps
from pileus.protocols.http import HttpRequest
from pileus.protocols.json_values import serialization_error
from pileus.protocols.xml_values import text_reader, text_writer
from pileus.shapes.model import Member, Operation, Shape
from pileus.values.errors import ServiceError

Text = Callable[[str], Any]


def query_parameters(query: str) -> dict[str, list[str]]:
    """The decoded parameters of a raw query string, each with all its values."""
    found: dict[str, list[str]] = {}
    for pair in query.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            found.setdefault(unquote_plus(name), []).append(unquote_plus(value))
    return found


Refusal = Callable[[str, str], ServiceError]
"""Member's wire name and its text, which is of no form it can have → the error."""


def _unreadable(wire_name: str, text: str) -> ServiceError:
    return serialization_error(f"Invalid value for {wire_name}")


class RequestBindings:
    """Reads an operation's labels, query parameters and headers."""

    def __init__(self, operation: Operation, refusal: Refusal = _unreadable) -> None:
        self._refusal = refusal
        self._labels: list[tuple[str, str, Text]] = []
        self._query: list[tuple[str, str, Text, bool]] = []
        self._query_map = ""
        # By wire name: a request has a dozen headers, PutObject could have fifty.
        self._headers: dict[str, tuple[str, Text]] = {}
        self._prefixes: list[tuple[str, str]] = []
        shape = operation.input
        for member in shape.members.values() if shape is not None else ():
            self._bind(member)
        self._has_query = bool(self._query or self._query_map)
        self._taken = {wire_name for _, wire_name, _, _ in self._query}
        self._taken.update(query_parameters(operation.uri.partition("?")[2]))

    def _bind(self, member: Member) -> None:
        name, wire_name = member.name, member.wire_name
        if member.location == "uri":
            self._labels.append((name, wire_name, text_reader(member)))
        elif member.location == "querystring" and member.shape.kind == "map":
            self._query_map = name
        elif member.location == "querystring":
            is_list = member.shape.kind == "list"
            element = member.shape.element if is_list else member
            assert element is not None
            self._query.append((name, wire_name, text_reader(element), is_list))
        elif member.location == "header":
            self._headers[wire_name.lower()] = (name, _header_reader(member))
        elif member.location == "headers":
            self._prefixes.append((name, member.location_name.lower()))

    def read(self, request: HttpRequest, labels: Mapping[str, str], out: dict[str, Any]) -> None:
        """Put what was found into ``out``.

        Raises:
            ServiceError: for a value of the wrong form.
        """
        for name, wire_name, convert in self._labels:
            if wire_name in labels:
                out[name] = self._converted(convert, wire_name, labels[wire_name])
        if self._has_query and request.query:
            self._read_query(request.query, out)
        if self._headers:
            known = self._headers
            for wire_name, text in request.headers.items():
                if wire_name in known:
                    name, convert = known[wire_name]
                    out[name] = self._converted(convert, wire_name, text)
        for name, prefix in self._prefixes:
            found = {
                key[len(prefix) :]: value
                for key, value in request.headers.items()
                if key.startswith(prefix)
            }
            if found:
                out[name] = found

    def _read_query(self, query: str, out: dict[str, Any]) -> None:
        given = query_parameters(query)
        for name, wire_name, convert, is_list in self._query:
            values = given.get(wire_name)
            if values is not None:
                read = [
                    self._converted(convert, wire_name, text)
                    for text in (values if is_list else values[:1])
                ]
                out[name] = read if is_list else read[0]
        if self._query_map:
            rest = {k: v for k, v in given.items() if k not in self._taken}
            if rest:
                out[self._query_map] = {k: v[0] if len(v) == 1 else v for k, v in rest.items()}

    def _converted(self, convert: Text, wire_name: str, text: str) -> Any:
        try:
            return convert(text)
        except ValueError as problem:
            raise self._refusal(wire_name, text) from problem


class ResponseBindings:
    """Writes an operation's header and status members."""

    def __init__(self, shape: Shape | None) -> None:
        self._headers: dict[str, tuple[str, Callable[[Any], str]]] = {}
        self._prefixes: list[tuple[str, str]] = []
        self._status = ""
        for member in shape.members.values() if shape is not None else ():
            if member.location == "header":
                write = _header_writer(member)
                self._headers[member.name] = (member.wire_name, write)
            elif member.location == "headers":
                self._prefixes.append((member.name, member.location_name))
            elif member.location == "statusCode":
                self._status = member.name

    def write(self, output: Mapping[str, Any], headers: list[tuple[str, str]]) -> int | None:
        """Append headers; returns the status when the output tells one."""
        if self._headers:
            known = self._headers
            for name, value in output.items():
                if name in known and value is not None and value != []:
                    wire_name, convert = known[name]
                    headers.append((wire_name, convert(value)))
        for name, prefix in self._prefixes:
            for key, value in (output.get(name) or {}).items():
                headers.append((f"{prefix}{key}", str(value)))
        status = output.get(self._status) if self._status else None
        return None if status is None else int(status)


def _header_reader(member: Member) -> Text:
    if member.is_json_value:
        return _json_value
    if member.shape.kind == "list":
        assert member.shape.element is not None
        return _list_reader(member.shape.element)
    return text_reader(member)


def _json_value(text: str) -> Any:
    try:
        return json.loads(base64.b64decode(text))
    except binascii.Error as problem:
        raise ValueError("not base64") from problem


def _list_reader(element: Member) -> Text:
    convert = text_reader(element)
    if element.shape.kind == "timestamp" and element.timestamp_format in ("", "rfc822"):

        def dates(text: str) -> list[Any]:  # an HTTP date has a comma of its own
            parts = text.split(",")
            return [
                convert(f"{a},{b}".strip()) for a, b in zip(parts[::2], parts[1::2], strict=True)
            ]

        return dates
    return lambda text: [convert(each) for each in _split_list(text)]


def _split_list(text: str) -> list[str]:
    """Comma-separated values, where a value may stand in double quotes (RFC 9110 5.6)."""
    found, at, size = [], 0, len(text)
    while at < size:
        while at < size and text[at] in " \t":
            at += 1
        if at < size and text[at] == '"':
            at += 1
            value = []
            while at < size and text[at] != '"':
                if text[at] == "\\" and at + 1 < size:
                    at += 1
                value.append(text[at])
                at += 1
            found.append("".join(value))
            at = text.find(",", at)
        else:
            stop = text.find(",", at)
            found.append(text[at : stop if stop >= 0 else size].strip())
            at = stop
        if at < 0:
            break
        at += 1
    return found


def _header_writer(member: Member) -> Callable[[Any], str]:
    if member.is_json_value:
        return lambda value: base64.b64encode(
            json.dumps(value, separators=(",", ":")).encode()
        ).decode()
    if member.shape.kind == "list":
        element = member.shape.element
        assert element is not None
        write = text_writer(element, timestamps.http_date)
        if element.shape.kind == "string":
            return lambda value: ",".join(_quoted(write(each)) for each in value)
        return lambda value: ",".join(write(each) for each in value)
    return text_writer(member, timestamps.http_date)


def _quoted(text: str) -> str:
    if '"' in text or "," in text:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return text
