"""rest-json and rest-xml: members in the path, the query, headers, and one document or stream.

https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html,
https://smithy.io/2.0/aws/protocols/aws-restxml-protocol.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pileus.protocols import event_stream, json_values, xml_values
from pileus.protocols.bindings import RequestBindings, ResponseBindings
from pileus.protocols.faults import error_shape, fields_of, old_code, status_of
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.protocols.targets import Target
from pileus.shapes.model import Member, Operation, Service, Shape
from pileus.values.body import Body
from pileus.values.errors import ServiceError

ReadDocument = Callable[[bytes], Any]
WriteDocument = Callable[[Any], bytes]

_S3_ROOTS = {
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "CopyObject": "CopyObjectResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketAccelerateConfiguration": "AccelerateConfiguration",
    "GetBucketAcl": "AccessControlPolicy",
    "GetBucketCors": "CORSConfiguration",
    "GetBucketLifecycle": "LifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketLocation": "LocationConstraint",
    "GetBucketLogging": "BucketLoggingStatus",
    "GetBucketNotification": "NotificationConfiguration",
    "GetBucketNotificationConfiguration": "NotificationConfiguration",
    "GetBucketRequestPayment": "RequestPaymentConfiguration",
    "GetBucketTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetBucketWebsite": "WebsiteConfiguration",
    "GetObjectAcl": "AccessControlPolicy",
    "GetObjectAttributes": "GetObjectAttributesResponse",
    "GetObjectTagging": "Tagging",
    "ListBuckets": "ListAllMyBucketsResult",
    "ListDirectoryBuckets": "ListAllMyDirectoryBucketsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListParts": "ListPartsResult",
    "UploadPartCopy": "CopyPartResult",
}
"""Root elements that the model does not tell; from the S3 API reference's sample responses."""

_S3_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


class RestCodec:
    """One operation of a rest service."""

    def __init__(self, service: Service, operation: Operation, *, is_xml: bool) -> None:
        self.operation = operation
        self._service = service
        self._is_xml = is_xml
        if service.name == "s3":
            self._bindings = RequestBindings(operation, _refuse_text)
        else:
            self._bindings = RequestBindings(operation)
        self._answers = ResponseBindings(operation.output)
        self._status = operation.status
        answer = operation.output
        self._content_type = _content_type(answer, is_xml)
        self._binds_content_type = answer is not None and any(
            member.location == "header" and member.wire_name.lower() == "content-type"
            for member in answer.members.values()
        )
        # Events of XML services hold XML, which none of ours needs yet.
        self._stream = answer.eventstream_member if answer and not is_xml else None
        shape = operation.input
        self._payload = shape.members[shape.payload] if shape and shape.payload else None
        streaming = shape.streaming_member if shape is not None else None
        self.streams_input = streaming is not None
        self._read = self._document_reader(shape)
        self._write = self._document_writer(operation.output)

    # ------------------------------------------------------------ requests

    def parse(self, request: HttpRequest, labels: Mapping[str, str], raw: bytes) -> dict[str, Any]:
        """The input in wire names; ``raw`` is empty where the body is a stream."""
        out: dict[str, Any] = {}
        self._bindings.read(request, labels, out)
        if raw and self._read is not None:
            found = self._read(raw)
            if self._payload is not None:
                out[self._payload.name] = found
            else:
                out.update(found)
        return out

    def _document_reader(self, shape: Shape | None) -> ReadDocument | None:
        payload = self._payload
        if shape is None or self.streams_input:
            return None
        if payload is not None:
            if payload.shape.kind == "blob":
                return lambda raw: raw
            if payload.shape.kind == "string":
                return _text
            return self._reader(payload.shape)
        if all(member.location for member in shape.members.values()):
            return None
        return self._reader(shape)

    def _reader(self, shape: Shape) -> ReadDocument:
        if not self._is_xml:
            return _json_reader(shape)
        read = xml_values.Reader().structure(shape)

        def read_xml(raw: bytes) -> Any:
            root = xml_values.parse_document(raw)
            try:
                return read(root)
            except ValueError as problem:
                raise xml_values.malformed_xml() from problem

        return read_xml

    # ------------------------------------------------------------ responses

    def render(
        self, output: Mapping[str, Any], body: Body | None, request_id: str, status: int | None
    ) -> HttpResponse:
        """The answer. ``body`` is the streamed payload.

        A stream of events may also be an async iterator of ``{event type: members}``.
        """
        headers: list[tuple[str, str]] = []
        told = self._answers.write(output, headers)
        content: bytes | Body = b""
        if body is not None:
            content = body
        elif self._stream is not None and output.get(self._stream.name) is not None:
            content = event_stream.encoded(self._stream.shape, None, output[self._stream.name])
        elif self._write is not None:
            content = self._write(output)
        if content and not (
            self._binds_content_type and any(name.lower() == "content-type" for name, _ in headers)
        ):
            headers.append(("Content-Type", self._content_type))
        _add_request_id(headers, self._service.name, request_id)
        return HttpResponse(status or told or self._status, headers, content)

    def _document_writer(self, shape: Shape | None) -> WriteDocument | None:
        if shape is None:
            return None if self._is_xml else (lambda _: b"{}" if self._status != 204 else b"")
        if shape.payload:
            return self._payload_writer(shape.members[shape.payload])
        if not self._is_xml:
            if self._status == 204:
                return None
            return _json_body_writer(shape)
        if all(member.location for member in shape.members.values()):
            return None
        return self._xml_writer(shape, self._root(shape.location_name or shape.name))

    def _payload_writer(self, member: Member) -> WriteDocument:
        name, kind = member.name, member.shape.kind
        if member.shape.is_eventstream:
            return _without_stream
        if kind in ("blob", "string"):
            return lambda output: _as_bytes(output.get(name))
        if self._is_xml:
            write = self._xml_writer(member.shape, self._root(member.wire_name))
        else:
            write = _json_document_writer(member.shape)

        def write_payload(output: Mapping[str, Any]) -> bytes:
            value = output.get(name)
            return b"" if value is None else write(value)

        return write_payload

    def _root(self, default: str) -> str:
        if self._service.name == "s3":
            return _S3_ROOTS.get(self.operation.name, default)
        return default

    def _xml_writer(self, shape: Shape, root: str) -> WriteDocument:
        namespace = shape.xml_namespace or self._service.xml_namespace
        if self._service.name == "s3":
            namespace = _S3_NAMESPACE
        start = f'<{root} xmlns="{namespace}">' if namespace else f"<{root}>"
        if self.operation.name == "GetBucketLocation" and self._service.name == "s3":
            return lambda output: (
                f"{_DECLARATION}{start}"
                f"{xml_values.escape(output.get('LocationConstraint') or '')}</{root}>"
            ).encode()
        body = xml_values.Writer().body(shape)

        def write(output: Any) -> bytes:
            parts = [_DECLARATION, start]
            body(output, parts.append)
            parts.append(f"</{root}>")
            return "".join(parts).encode()

        return write


def render_json_error(target: Target, error: ServiceError, request_id: str) -> HttpResponse:
    """``x-amzn-ErrorType`` and a document with the error's members."""
    shape = error_shape(target.service, error)
    code = shape.name if shape is not None else error.code
    headers = [
        ("Content-Type", "application/json"),
        ("x-amzn-RequestId", request_id),
        ("x-amzn-ErrorType", code),
        *error.headers.items(),
    ]
    fields = fields_of(error, shape)
    if shape is None and target.service == "lambda":
        fields = {"Type": "User" if error.fault == "Sender" else "Service", **fields}
    if shape is not None:
        ResponseBindings(shape).write(fields, headers)
        names = {m.name: m.wire_name for m in shape.members.values() if not m.location}
        outside = {m.name for m in shape.members.values() if m.location}
        fields = {names.get(k, k): v for k, v in fields.items() if k not in outside}
    body = b"" if target.method == "HEAD" else json_values.dumps(fields)
    return HttpResponse(status_of(error, shape), headers, body)


def render_xml_error(target: Target, error: ServiceError, request_id: str) -> HttpResponse:
    """S3's bare ``Error``; ``ErrorResponse`` for the other XML services."""
    shape = error_shape(target.service, error)
    status = status_of(error, shape)
    headers = [("Content-Type", "application/xml"), *error.headers.items()]
    _add_request_id(headers, target.service, request_id)
    if target.method == "HEAD" or status == 304:
        return HttpResponse(status, headers)
    inside = [
        f"<Code>{xml_values.escape(old_code(error, shape))}</Code>",
        f"<Message>{xml_values.escape(error.message)}</Message>",
    ]
    inside += [
        f"<{name}>{xml_values.escape(_plain(value))}</{name}>"
        for name, value in error.fields.items()
    ]
    if target.service in ("s3", ""):
        host_id = s3_host_id(request_id)
        inside.append(f"<RequestId>{request_id}</RequestId><HostId>{host_id}</HostId>")
        text = f"{_DECLARATION}<Error>{''.join(inside)}</Error>"
    else:
        kind = f"<Type>{error.fault}</Type>"
        text = (
            f"{_DECLARATION}<ErrorResponse><Error>{kind}{''.join(inside)}</Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    return HttpResponse(status, headers, text.encode())


def s3_host_id(request_id: str) -> str:
    """The extended request id (``x-amz-id-2``): derived, so that both lead to the same log line."""
    return f"{request_id}/pileus"


def _add_request_id(headers: list[tuple[str, str]], service: str, request_id: str) -> None:
    if service in ("s3", ""):
        headers.append(("x-amz-request-id", request_id))
        headers.append(("x-amz-id-2", s3_host_id(request_id)))
    else:
        headers.append(("x-amzn-RequestId", request_id))


_PART_NUMBER = "Part number must be an integer between 1 and 10000, inclusive"


def _refuse_text(wire_name: str, text: str) -> ServiceError:
    """S3's words for a query parameter or header of the wrong form."""
    told = f"Provided {wire_name} not an integer or within integer range"
    fields = {"ArgumentName": wire_name, "ArgumentValue": text}
    if wire_name == "partNumber":
        told = _PART_NUMBER
    return ServiceError("InvalidArgument", told, fields=fields)


def _without_stream(output: Mapping[str, Any]) -> bytes:
    raise ServiceError("InternalFailure", "an event stream needs a body", status=500)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as problem:
        raise json_values.serialization_error("The body is not UTF-8 text") from problem


def _content_type(output: Shape | None, is_xml: bool) -> str:
    """Of an answer that tells none itself."""
    if output is not None and output.payload:
        shape = output.members[output.payload].shape
        if shape.is_eventstream:
            return event_stream.CONTENT_TYPE
        if shape.kind == "blob" and is_xml:
            return "application/octet-stream"
    return "application/xml" if is_xml else "application/json"


def _as_bytes(value: Any) -> bytes:
    if value is None:
        return b""
    return value.encode() if isinstance(value, str) else bytes(value)


def _json_reader(shape: Shape) -> ReadDocument:
    convert = json_values.decoder(shape)

    def read(raw: bytes) -> Any:
        value = json_values.loads(raw)
        if shape.kind == "structure" and type(value) is not dict and not shape.is_document:
            raise json_values.serialization_error("Unexpected field type")
        if b"null" in raw:
            value = json_values.without_nulls(value, shape)
        return value if convert is None else convert(value)

    return read


def _json_document_writer(shape: Shape) -> WriteDocument:
    convert = json_values.encoder(shape)
    if convert is None:
        return json_values.dumps
    return lambda value: json_values.dumps(convert(value))


def _json_body_writer(shape: Shape) -> WriteDocument:
    """The members that travel in the body, known ones only, without absent ones."""
    encoders = [
        (member.name, member.wire_name, json_values.member_encoder(member))
        for member in shape.members.values()
        if not member.location
    ]

    def write(output: Mapping[str, Any]) -> bytes:
        out = {}
        for name, wire_name, convert in encoders:
            value = output.get(name)
            if value is not None:
                out[wire_name] = value if convert is None else convert(value)
        return json_values.dumps(out)

    return write
