"""awsJson 1.0 and 1.1: the operation in ``X-Amz-Target``, a document each way.

https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.protocols import event_stream, json_values
from pileus.protocols.faults import error_shape, fields_of, old_code, service_or_none, status_of
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.protocols.targets import Target
from pileus.shapes.model import Operation, Service
from pileus.values.body import Body
from pileus.values.errors import ServiceError

_TYPE_PREFIXES = {
    "dynamodb": "com.amazonaws.dynamodb.v20120810#",
    "sqs": "com.amazonaws.sqs#",
}
"""What stands before the modelled errors of services that name them in full."""

_FRAMEWORK_TYPES = {
    "ValidationException": "com.amazon.coral.validate#ValidationException",
    "SerializationException": "com.amazon.coral.service#SerializationException",
    "UnknownOperationException": "com.amazon.coral.service#UnknownOperationException",
    "UnrecognizedClientException": "com.amazon.coral.service#UnrecognizedClientException",
    "InvalidSignatureException": "com.amazon.coral.service#InvalidSignatureException",
    "MissingAuthenticationTokenException": (
        "com.amazon.coral.service#MissingAuthenticationTokenException"
    ),
    "AccessDeniedException": "com.amazon.coral.service#AccessDeniedException",
    "ThrottlingException": "com.amazon.coral.availability#ThrottlingException",
    "InvalidParameterValue": "com.amazon.coral.service#InvalidParameterValueException",
    "MissingParameter": "com.amazon.coral.service#MissingRequiredParameterException",
}
"""Errors of the service framework, told in full by the same services."""


class JsonCodec:
    """One operation of a JSON service."""

    streams_input = False

    def __init__(self, service: Service, operation: Operation) -> None:
        self.operation = operation
        self._content_type = f"application/x-amz-json-{service.json_version}"
        self._input = operation.input
        self._decode = json_values.decoder(operation.input) if operation.input else None
        shape = operation.output
        self._encode = json_values.encoder(shape) if shape else None
        self._names = frozenset(shape.members) if shape else frozenset()
        self._stream = shape.eventstream_member if shape else None

    def parse(self, request: HttpRequest, labels: Mapping[str, str], raw: bytes) -> dict[str, Any]:
        """The input in wire names."""
        if not raw:
            return {}
        value = json_values.loads(raw)
        if type(value) is not dict:
            raise json_values.serialization_error("Unexpected field type")
        if b"null" in raw and self._input is not None:
            value = json_values.without_nulls(value, self._input)
        found: dict[str, Any] = value if self._decode is None else self._decode(value)
        return found

    def render(
        self, output: Mapping[str, Any], body: Body | None, request_id: str, status: int | None
    ) -> HttpResponse:
        """The answer; absent and unknown members are left out.

        A stream of events is an async iterator of ``{event type: members}``, or a body of frames.
        """
        headers = [("x-amzn-RequestId", request_id), ("Content-Type", self._content_type)]
        if self._stream is not None:
            events = output.get(self._stream.name)
            headers[1] = ("Content-Type", event_stream.CONTENT_TYPE)
            if events is not None:
                initial = {name: each for name, each in output.items() if each is not events}
                body = event_stream.encoded(self._stream.shape, initial, events)
            if body is None:
                raise ServiceError("InternalFailure", "an event stream needs a body", status=500)
            return HttpResponse(status or 200, headers, body)
        if self._encode is not None:
            document = self._encode(output)
        else:
            names = self._names
            document = {k: v for k, v in output.items() if v is not None and k in names}
        return HttpResponse(status or 200, headers, json_values.dumps(document))


def render_error(target: Target, error: ServiceError, request_id: str) -> HttpResponse:
    """``__type`` and the error's members; the old query code where the service still tells it."""
    shape = error_shape(target.service, error)
    name = shape.name if shape is not None else error.code
    prefix = _TYPE_PREFIXES.get(target.service, "")
    if prefix:
        kind = f"{prefix}{name}" if shape is not None else _FRAMEWORK_TYPES.get(name, prefix + name)
    else:
        kind = name
    headers = [
        ("x-amzn-RequestId", request_id),
        ("Content-Type", f"application/x-amz-json-{target.json_version}"),
        *error.headers.items(),
    ]
    service = service_or_none(target.service)
    if service is not None and service.is_query_compatible:
        headers.append(("x-amzn-query-error", f"{old_code(error, shape)};{error.fault}"))
    document = {"__type": kind, **fields_of(error, shape)}
    if shape is not None:
        convert = json_values.encoder(shape)
        if convert is not None:
            document = {"__type": kind, **convert(document)}
    return HttpResponse(status_of(error, shape), headers, json_values.dumps(document))
