"""Smithy RPC v2 CBOR: the operation in the path, a CBOR map each way.

https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.protocols import cbor, timestamps
from pileus.protocols.faults import error_shape, fields_of, old_code, service_or_none, status_of
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.protocols.json_values import Convert, Encoders, serialization_error, without_nulls
from pileus.protocols.targets import Target
from pileus.shapes.model import Member, Operation, Service
from pileus.values.body import Body
from pileus.values.errors import ServiceError

_HEADERS = [("smithy-protocol", "rpc-v2-cbor"), ("Content-Type", "application/cbor")]


class _MomentEncoders(Encoders):
    """CBOR holds blobs and every number itself; only timestamps are brought to one form."""

    def _leaf(self, member: Member) -> Convert | None:
        return timestamps.parse if member.shape.kind == "timestamp" else None


class CborCodec:
    """One operation of an RPC v2 service."""

    streams_input = False

    def __init__(self, service: Service, operation: Operation) -> None:
        self.operation = operation
        self._input = operation.input
        shape = operation.output
        self._encode = _MomentEncoders().of_shape(shape) if shape else None
        self._names = frozenset(shape.members) if shape else frozenset()

    def parse(self, request: HttpRequest, labels: Mapping[str, str], raw: bytes) -> dict[str, Any]:
        """The input in wire names."""
        if not raw:
            return {}
        try:
            value = cbor.loads(raw)
        except cbor.CborError as problem:
            raise serialization_error(f"Could not parse the request body: {problem}") from problem
        if type(value) is not dict:
            raise serialization_error("Unexpected field type")
        found: dict[str, Any] = value if self._input is None else without_nulls(value, self._input)
        return found

    def render(
        self, output: Mapping[str, Any], body: Body | None, request_id: str, status: int | None
    ) -> HttpResponse:
        """The answer; absent and unknown members are left out."""
        headers = [("x-amzn-RequestId", request_id), *_HEADERS]
        if self._encode is not None:
            document = self._encode(output)
        else:
            document = {k: v for k, v in output.items() if v is not None and k in self._names}
        return HttpResponse(status or 200, headers, cbor.dumps(document))


def render_error(target: Target, error: ServiceError, request_id: str) -> HttpResponse:
    """``__type`` and the error's members, in CBOR."""
    shape = error_shape(target.service, error)
    name = shape.name if shape is not None else error.code
    headers = [("x-amzn-RequestId", request_id), *_HEADERS, *error.headers.items()]
    service = service_or_none(target.service)
    if service is not None and service.is_query_compatible:
        headers.append(("x-amzn-query-error", f"{old_code(error, shape)};{error.fault}"))
    document = {"__type": name, **fields_of(error, shape)}
    return HttpResponse(status_of(error, shape), headers, cbor.dumps(document))
