"""Bodies to mappings in wire names and back, by the operation's compiled codec."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol

from pileus import shapes
from pileus.protocols import cbor_rpc, json_rpc, query, rest
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.protocols.json_values import serialization_error
from pileus.protocols.targets import Target
from pileus.shapes.model import Operation
from pileus.values.body import Body, BytesBody
from pileus.values.errors import ServiceError

BODY_BYTES_MAX = 16 * 1024 * 1024
"""Largest body read into memory; streams have no limit here."""


class Codec(Protocol):
    """What every protocol offers for one operation. ``parse`` and ``render`` never wait."""

    operation: Operation
    streams_input: bool

    def parse(
        self, request: HttpRequest, labels: Mapping[str, str], raw: bytes
    ) -> dict[str, Any]: ...

    def render(
        self, output: Mapping[str, Any], body: Body | None, request_id: str, status: int | None
    ) -> HttpResponse: ...


@cache
def codec_for(service: str, operation: str, protocol: str) -> Codec:
    """The codec, compiled at the first call.

    Raises:
        UnknownService, UnknownOperation: when AWS has no such thing.
        ServiceError: NotImplemented for a protocol this house does not speak.
    """
    model = shapes.service(service)
    shape = model.operation(operation)
    if protocol == "json":
        return json_rpc.JsonCodec(model, shape)
    if protocol == "query":
        return query.QueryCodec(model, shape)
    if protocol in ("rest-json", "rest-xml"):
        return rest.RestCodec(model, shape, is_xml=protocol == "rest-xml")
    if protocol == "smithy-rpc-v2-cbor":
        return cbor_rpc.CborCodec(model, shape)
    raise ServiceError(
        "NotImplemented", f"Pileus does not speak the protocol {protocol} yet.", status=501
    )


async def decode(
    target: Target, request: HttpRequest, limit_bytes: int = BODY_BYTES_MAX
) -> tuple[dict[str, Any], Body | None]:
    """The operation's input in wire names, and the body where it is a stream.

    Raises:
        ServiceError: RequestEntityTooLarge (413) past ``limit_bytes``; SerializationException,
            MalformedXML or MalformedInput for a body that cannot be read.
    """
    codec = codec_for(target.service, target.operation, target.protocol)
    if codec.streams_input:
        return codec.parse(request, target.labels, b""), request.body
    raw = await read_bounded(request.body, limit_bytes)
    return codec.parse(request, target.labels, plain_body(target, request, raw, limit_bytes)), None


async def read_bounded(body: Body, limit_bytes: int) -> bytes:
    """The whole body, or RequestEntityTooLarge."""
    if body.size_bytes is not None and body.size_bytes > limit_bytes:
        raise too_large(limit_bytes)
    if type(body) is BytesBody:
        return body.take()
    try:
        return await body.read(limit_bytes)
    except ValueError as problem:
        raise too_large(limit_bytes) from problem


def plain_body(target: Target, request: HttpRequest, raw: bytes, limit_bytes: int) -> bytes:
    """The document without its ``Content-Encoding``; SDKs gzip large ones (``PutMetricData``).

    rest-xml bodies are left alone: S3 keeps the coding of an object as its metadata.

    Raises:
        ServiceError: SerializationException for broken gzip, RequestEntityTooLarge.
    """
    if request.headers.get("content-encoding") != "gzip" or target.protocol == "rest-xml":
        return raw
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(raw, limit_bytes + 1)
    except zlib.error as problem:
        raise serialization_error("The gzip body is malformed") from problem
    if len(plain) > limit_bytes:
        raise too_large(limit_bytes)
    if not unpacker.eof:
        raise serialization_error("The gzip body is cut off")
    return plain


def too_large(limit_bytes: int) -> ServiceError:
    """The answer to a body past the limit."""
    return ServiceError(
        "RequestEntityTooLarge", f"The request body exceeds {limit_bytes} bytes.", status=413
    )


def encode(
    target: Target,
    output: Mapping[str, Any],
    body: Body | None,
    request_id: str,
    status: int | None = None,
) -> HttpResponse:
    """The answer of a successful call. ``status`` replaces the model's."""
    codec = codec_for(target.service, target.operation, target.protocol)
    response = codec.render(output, body, request_id, status)
    if target.method == "HEAD":
        response.body = b""
    return response


def encode_error(target: Target, error: ServiceError, request_id: str) -> HttpResponse:
    """The answer of a failed call, in the wire form of the client's protocol."""
    if target.protocol == "query":
        return query.render_error(target, error, request_id)
    if target.protocol == "ec2":
        return query.render_ec2_error(error, request_id)
    if target.protocol == "rest-json":
        return rest.render_json_error(target, error, request_id)
    if target.protocol == "rest-xml":
        return rest.render_xml_error(target, error, request_id)
    if target.protocol == "smithy-rpc-v2-cbor":
        return cbor_rpc.render_error(target, error, request_id)
    return json_rpc.render_error(target, error, request_id)
