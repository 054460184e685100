"""The query protocol: form parameters in, XML out.

https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.protocols import query_values, xml_values
from pileus.protocols.faults import error_shape, old_code, service_or_none, status_of
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.protocols.targets import Target
from pileus.shapes.model import Operation, Service
from pileus.values.body import Body
from pileus.values.errors import ServiceError

_DECLARATION = '<?xml version="1.0"?>\n'


class QueryCodec:
    """One operation of a query service."""

    streams_input = False

    def __init__(self, service: Service, operation: Operation) -> None:
        self.operation = operation
        shape = operation.input
        self._read = query_values.QueryReader().structure(shape) if shape is not None else None
        self._is_sent_to_queue = (
            service.name == "sqs" and shape is not None and "QueueUrl" in shape.members
        )
        name = operation.name
        opening = f'<{name}Response xmlns="{service.xml_namespace}">'
        wrapper = operation.result_wrapper
        self._start = f"{opening}<{wrapper}>" if wrapper else opening
        self._end = f"</{wrapper}>" if wrapper else ""
        self._closing = f"</{name}Response>"
        output = operation.output
        self._write = (
            xml_values.Writer(uses_query_names=True).body(output) if output is not None else None
        )

    def parse(self, request: HttpRequest, labels: Mapping[str, str], raw: bytes) -> dict[str, Any]:
        """The input in wire names, from the body and the query string."""
        if self._read is None:
            return {}
        try:
            text = raw.decode()
        except UnicodeDecodeError as problem:
            raise ServiceError("MalformedQueryString", "The body is not UTF-8 text") from problem
        if request.query:
            text = f"{request.query}&{text}" if text else request.query
        parameters = query_values.parse_form(text)
        found: dict[str, Any] = self._read(query_values.fold(parameters))
        if self._is_sent_to_queue and "QueueUrl" not in found and request.path != "/":
            # Older SQS clients post to the queue's own URL and do not repeat it in the form.
            found["QueueUrl"] = f"{request.scheme}://{request.host}{request.path.rstrip('/')}"
        return found

    def render(
        self, output: Mapping[str, Any], body: Body | None, request_id: str, status: int | None
    ) -> HttpResponse:
        """The answer with its request id."""
        parts = [self._start]
        if self._write is not None:
            self._write(output, parts.append)
        parts.append(self._end)
        parts.append(
            f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
            f"{self._closing}"
        )
        headers = [("x-amzn-RequestId", request_id), ("Content-Type", "text/xml")]
        return HttpResponse(status or 200, headers, "".join(parts).encode())


def render_error(target: Target, error: ServiceError, request_id: str) -> HttpResponse:
    """``ErrorResponse`` with type, code, message and request id."""
    shape = error_shape(target.service, error)
    service = service_or_none(target.service)
    namespace = f' xmlns="{service.xml_namespace}"' if service and service.xml_namespace else ""
    extra = "".join(
        f"<{name}>{xml_values.escape(str(value))}</{name}>" for name, value in error.fields.items()
    )
    if target.service == "sqs":
        extra = f"{extra}<Detail/>"
    text = (
        f"{_DECLARATION}<ErrorResponse{namespace}><Error><Type>{error.fault}</Type>"
        f"<Code>{xml_values.escape(old_code(error, shape))}</Code>"
        f"<Message>{xml_values.escape(error.query_message or error.message)}</Message>{extra}</Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    headers = [
        ("x-amzn-RequestId", request_id),
        ("Content-Type", "text/xml"),
        *error.headers.items(),
    ]
    return HttpResponse(status_of(error, shape), headers, text.encode())


def render_ec2_error(error: ServiceError, request_id: str) -> HttpResponse:
    """EC2's own form: a list of errors, the request's id spelled ``RequestID``.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    """
    text = (
        f"{_DECLARATION}<Response><Errors><Error><Code>{xml_values.escape(error.code)}</Code>"
        f"<Message>{xml_values.escape(error.message)}</Message></Error></Errors>"
        f"<RequestID>{request_id}</RequestID></Response>"
    )
    headers = [("x-amzn-RequestId", request_id), ("Content-Type", "text/xml;charset=UTF-8")]
    return HttpResponse(error.status, headers, text.encode())
