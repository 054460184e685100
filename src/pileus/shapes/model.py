"""The shapes of AWS operations as immutable values.

Everything here is in wire names. What a shape means on a particular wire is decided by the codecs
of ``protocols/``; this module only keeps what AWS's service models say.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pileus.values.errors import PileusError

KINDS = (
    "structure list map string blob timestamp integer long boolean float double".split()  # noqa: SIM905
)
"""Every value :attr:`Shape.kind` may have."""


class UnknownService(PileusError):
    """AWS has no service of that name (names are those of the service models: ``sqs``)."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no AWS service named {name!r}")
        self.name = name


class UnknownOperation(PileusError):
    """The service has no operation of that name."""

    def __init__(self, service: str, operation: str) -> None:
        super().__init__(f"the AWS service {service!r} has no operation {operation!r}")
        self.service = service
        self.operation = operation


class Member(msgspec.Struct, frozen=True):
    """A shape used in a place: a structure's member, a list's element, a map's key or value.

    Attributes:
        name: the member's name inside the house (``element``, ``key``, ``value`` elsewhere).
        location: ``uri``, ``querystring``, ``header``, ``headers`` (a map under a common prefix),
            ``statusCode``, or empty for the body.
        location_name: the name on the wire; empty where the model gives none.
        query_name: the name in the query protocol where that differs; else empty.
        timestamp_format: ``iso8601``, ``rfc822``, ``unixTimestamp``, or empty for the protocol's.
        is_json_value: a string that travels as JSON, base64-encoded in headers.
    """

    name: str
    shape: Shape
    location: str = ""
    location_name: str = ""
    query_name: str = ""
    timestamp_format: str = ""
    xml_namespace: str = ""
    xml_prefix: str = ""
    is_flattened: bool = False
    is_streaming: bool = False
    is_xml_attribute: bool = False
    is_idempotency_token: bool = False
    is_json_value: bool = False
    is_host_label: bool = False
    is_event_header: bool = False
    is_event_payload: bool = False

    @property
    def wire_name(self) -> str:
        """``location_name`` or, where that is empty, ``name``."""
        return self.location_name or self.name


class Shape(msgspec.Struct, frozen=True, eq=False):
    """One shape; recursive shapes refer to themselves. Compared by identity.

    Attributes:
        kind: one of :data:`KINDS`.
        members: of a structure, by name, in the model's order.
        element: of a list. ``key`` and ``value``: of a map.
        min: least length (string, blob, list, map) or value (numbers). ``max`` likewise.
        payload: the member that is the whole body; empty where the body holds all members.
        error_code: an error's code on older wires (``AWS.SimpleQueueService.NonExistentQueue``);
            empty where it is the shape's name.
        error_status: HTTP status the model gives an error; 0 when it gives none.
    """

    name: str
    kind: str
    members: dict[str, Member] = msgspec.field(default_factory=dict)
    required: tuple[str, ...] = ()
    element: Member | None = None
    key: Member | None = None
    value: Member | None = None
    min: float | None = None
    max: float | None = None
    pattern: str = ""
    enum: tuple[str, ...] = ()
    payload: str = ""
    location_name: str = ""
    xml_namespace: str = ""
    error_code: str = ""
    error_status: int = 0
    is_error: bool = False
    is_union: bool = False
    is_document: bool = False
    is_eventstream: bool = False
    is_sparse: bool = False
    is_sensitive: bool = False
    is_streaming: bool = False

    @property
    def code(self) -> str:
        """An error's code on the XML wires."""
        return self.error_code or self.name

    @property
    def streaming_member(self) -> Member | None:
        """The payload member when it is a stream of bytes (never read whole), else None."""
        if not self.payload:
            return None
        member = self.members[self.payload]
        return member if member.is_streaming and member.shape.kind == "blob" else None

    @property
    def eventstream_member(self) -> Member | None:
        """The member that is a stream of events, or None."""
        return next((m for m in self.members.values() if m.shape.is_eventstream), None)


class Operation(msgspec.Struct, frozen=True, eq=False):
    """One operation. ``uri`` is a template such as ``/{Bucket}/{Key+}?uploads``.

    Attributes:
        status: HTTP status of a successful response.
        input_name: XML root element of the request body; empty where there is none.
        result_wrapper: element around the result in the query protocol.
        auth_type: ``none`` where the operation is not signed, ``v4-unsigned-body``, or empty.
        checksum: the model's ``httpChecksum`` facts (``requestAlgorithmMember`` …).
    """

    service: str
    name: str
    method: str = "POST"
    uri: str = "/"
    status: int = 200
    input: Shape | None = None
    output: Shape | None = None
    input_name: str = ""
    input_xml_namespace: str = ""
    result_wrapper: str = ""
    errors: tuple[Shape, ...] = ()
    host_prefix: str = ""
    auth_type: str = ""
    checksum: Mapping[str, object] = msgspec.field(default_factory=dict)
    is_checksum_required: bool = False
    is_payload_unsigned: bool = False
    is_deprecated: bool = False


class Service(msgspec.Struct, frozen=True, eq=False):
    """One AWS API.

    Attributes:
        name: the name inside the house, that of the service models (``sagemaker-runtime``).
        protocols: what it speaks, the preferred one first: ``json``, ``query``, ``rest-json``,
            ``rest-xml``, ``ec2``, ``smithy-rpc-v2-cbor``.
        operations: by wire name; built when first asked for.
        errors: every error shape, by shape name and by code; built when first asked for.
        is_query_compatible: JSON errors carry the old query code in ``x-amzn-query-error``.
    """

    name: str
    protocols: tuple[str, ...]
    api_version: str
    operations: Mapping[str, Operation]
    errors: Mapping[str, Shape]
    service_id: str = ""
    target_prefix: str = ""
    json_version: str = "1.1"
    xml_namespace: str = ""
    signing_name: str = ""
    endpoint_prefix: str = ""
    global_endpoint: str = ""
    is_query_compatible: bool = False

    def operation(self, name: str) -> Operation:
        """The operation, or UnknownOperation."""
        found = self.operations.get(name)
        if found is None:
            raise UnknownOperation(self.name, name)
        return found
