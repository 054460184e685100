"""JSON documents to house values and back, compiled per shape.

Only what differs between JSON and the house is touched: blobs, timestamps, renamed members,
numbers that JSON cannot hold. Every other sub-tree passes through orjson untouched.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from pileus.protocols import timestamps
from pileus.shapes.model import Member, Shape
from pileus.values.errors import ServiceError

Convert = Callable[[Any], Any]


def serialization_error(message: str) -> ServiceError:
    """What AWS answers to a document it cannot read."""
    return ServiceError("SerializationException", message)


def loads(raw: bytes) -> Any:
    """The document; SerializationException when it is no JSON."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as problem:
        raise serialization_error("Could not parse the request body as JSON") from problem


def dumps(value: Any) -> bytes:
    """The document; bytes become base64 and datetimes epoch seconds."""
    return orjson.dumps(
        value,
        default=_default,
        option=orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS,
    )


def _default(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return dict(value)
    return timestamps.epoch_seconds(value)


def decoder(shape: Shape) -> Convert | None:
    """Wire document → house value; None where they are the same."""
    return _Decoders().of_shape(shape)


def encoder(shape: Shape) -> Convert | None:
    """House value → what :func:`dumps` takes; None where they are the same."""
    return Encoders().of_shape(shape)


def member_encoder(member: Member) -> Convert | None:
    """As :func:`encoder`, for one member with what the model says of the place it stands in."""
    return Encoders().of_member(member)


def without_nulls(value: Any, shape: Shape) -> Any:
    """The document without null members: AWS takes them as absent. Sparse collections keep theirs."""
    if shape.is_document:
        return value
    if shape.kind == "structure" and isinstance(value, dict):
        names = {member.wire_name: member for member in shape.members.values()}
        return {
            key: without_nulls(each, names[key].shape) if key in names else each
            for key, each in value.items()
            if each is not None
        }
    if shape.kind == "list" and isinstance(value, list):
        assert shape.element is not None
        inner = shape.element.shape
        return [without_nulls(each, inner) for each in value if each is not None or shape.is_sparse]
    if shape.kind == "map" and isinstance(value, dict):
        assert shape.value is not None
        inner = shape.value.shape
        return {
            key: without_nulls(each, inner)
            for key, each in value.items()
            if each is not None or shape.is_sparse
        }
    return value


class _Compiler:
    """Common walk of both directions; ``_leaf`` says what a scalar needs, or None."""

    def __init__(self) -> None:
        self._cells: dict[int, list[Convert | None]] = {}
        self._touched: dict[int, bool] = {}

    def of_shape(self, shape: Shape) -> Convert | None:
        return self.of_member(Member("", shape))

    def of_member(self, member: Member) -> Convert | None:
        shape = member.shape
        if shape.is_document or shape.is_eventstream:
            return None
        if shape.kind in ("structure", "list", "map"):
            return self._collection(shape)
        return self._leaf(member)

    def _collection(self, shape: Shape) -> Convert | None:
        if not self._is_touched(shape, set()):
            return None
        known = self._cells.get(id(shape))
        if known is not None:
            return known[0] or _late(known)
        cell = self._cells[id(shape)] = [None]
        if shape.kind == "structure":
            cell[0] = self._structure(shape)
        elif shape.kind == "list":
            assert shape.element is not None
            cell[0] = _each_element(self.of_member(shape.element))
        else:
            assert shape.value is not None
            cell[0] = _each_value(self.of_member(shape.value))
        return cell[0]

    def _is_touched(self, shape: Shape, seen: set[int]) -> bool:
        """Whether anything below ``shape`` needs converting; cycles count once."""
        if id(shape) in seen or shape.is_document or shape.is_eventstream:
            return False
        seen.add(id(shape))
        if shape.kind == "structure":
            return any(
                self._is_renamed(each) or self._leaf_or_below(each, seen)
                for each in shape.members.values()
            )
        part = shape.element if shape.kind == "list" else shape.value
        return part is not None and self._leaf_or_below(part, seen)

    def _leaf_or_below(self, member: Member, seen: set[int]) -> bool:
        if member.shape.kind in ("structure", "list", "map"):
            return self._is_touched(member.shape, seen)
        return self._leaf(member) is not None

    def _is_renamed(self, member: Member) -> bool:
        return member.wire_name != member.name

    def _leaf(self, member: Member) -> Convert | None:
        raise NotImplementedError

    def _structure(self, shape: Shape) -> Convert:
        raise NotImplementedError


class _Decoders(_Compiler):
    def _leaf(self, member: Member) -> Convert | None:
        kind = member.shape.kind
        if kind == "blob":
            return _decode_blob
        if kind == "timestamp":
            return _decode_timestamp
        if kind in ("float", "double"):
            return _decode_float
        return None

    def _structure(self, shape: Shape) -> Convert:
        renamed = {m.wire_name: m.name for m in shape.members.values() if self._is_renamed(m)}
        converts = {}
        for member in shape.members.values():
            convert = self.of_member(member)
            if convert is not None:
                converts[member.name] = convert

        def structure(value: Any) -> Any:
            if type(value) is not dict:
                return value  # of a wrong type: the validation says so
            if renamed:
                value = {renamed.get(key, key): each for key, each in value.items()}
            for key in value:
                convert = converts.get(key)
                if convert is not None and value[key] is not None:
                    value[key] = convert(value[key])
            return value

        return structure


class Encoders(_Compiler):
    """House values → JSON's; other protocols change what a scalar needs."""

    def _leaf(self, member: Member) -> Convert | None:
        kind = member.shape.kind
        if kind == "timestamp":
            if member.timestamp_format in ("", "unixTimestamp"):
                return timestamps.epoch_seconds
            return timestamps.text_format(member.timestamp_format, timestamps.iso8601)
        if kind in ("float", "double"):
            return _encode_float
        return None

    def _structure(self, shape: Shape) -> Convert:
        plan = [(m.name, m.wire_name, self.of_member(m)) for m in shape.members.values()]

        def structure(value: Any) -> Any:
            out = {}
            for name, wire_name, convert in plan:
                each = value.get(name)
                if each is not None:
                    out[wire_name] = each if convert is None else convert(each)
            return out

        return structure


def _late(cell: list[Convert | None]) -> Convert:
    """The function a cell will hold once the recursion around it is closed."""

    def convert(value: Any) -> Any:
        found = cell[0]
        return value if found is None else found(value)

    return convert


def _each_element(convert: Convert | None) -> Convert | None:
    if convert is None:
        return None

    def elements(value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            return value
        return [None if each is None else convert(each) for each in value]

    return elements


def _each_value(convert: Convert | None) -> Convert | None:
    if convert is None:
        return None

    def values(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {key: None if each is None else convert(each) for key, each in value.items()}

    return values


def _decode_blob(value: Any) -> Any:
    if type(value) is not str:
        return value
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as problem:
        raise serialization_error("Invalid Base64 in a binary value") from problem


def _decode_timestamp(value: Any) -> Any:
    if isinstance(value, (bool, dict, list)):
        return value
    try:
        return timestamps.parse(value)
    except ValueError as problem:
        raise serialization_error(f"Invalid timestamp: {value}") from problem


_SPECIAL_FLOATS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def _decode_float(value: Any) -> Any:
    return _SPECIAL_FLOATS.get(value, value) if type(value) is str else value


def _encode_float(value: Any) -> Any:
    if type(value) is float and not math.isfinite(value):
        return "NaN" if value != value else ("Infinity" if value > 0 else "-Infinity")
    return value
