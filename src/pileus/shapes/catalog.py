"""Turns reduced models into :class:`Service`, :class:`Operation` and :class:`Shape`, when asked for.

Shapes are linked one operation at a time: of the thousands in a large model only those are built
whose operations are really called.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any

from msgspec.structs import force_setattr

from pileus.shapes import source
from pileus.shapes.model import Member, Operation, Service, Shape

Raw = dict[str, Any]
_set = force_setattr


@cache
def service(name: str) -> Service:
    """The service, read at the first call. Raises UnknownService."""
    raw = source.load(name)
    facts: Raw = raw["metadata"]
    table = _ShapeTable(raw["shapes"])
    namespace = facts.get("xmlNamespace", "")
    return Service(
        name=name,
        protocols=tuple(facts.get("protocols") or [facts["protocol"]]),
        api_version=facts["apiVersion"],
        operations=_Operations(name, raw["operations"], table),
        errors=_Errors(table),
        service_id=facts.get("serviceId", ""),
        target_prefix=facts.get("targetPrefix", ""),
        json_version=str(facts.get("jsonVersion", "1.1")),
        xml_namespace=namespace["uri"] if isinstance(namespace, dict) else namespace,
        signing_name=facts.get("signingName") or facts["endpointPrefix"],
        endpoint_prefix=facts["endpointPrefix"],
        global_endpoint=facts.get("globalEndpoint", ""),
        is_query_compatible="awsQueryCompatible" in facts,
    )


@lru_cache(maxsize=1)
def known_services() -> Mapping[str, Mapping[str, Any]]:
    """Name → metadata (``targetPrefix``, ``signingName``, ``endpointPrefix`` …) of all of AWS."""
    return source.load_metadata()


class _ShapeTable:
    """Shapes of one service by name, linked lazily; a shape is built once, so recursion closes."""

    def __init__(self, raw: Mapping[str, Raw]) -> None:
        self.raw = raw
        self._built: dict[str, Shape] = {}

    def get(self, name: str) -> Shape:
        built = self._built.get(name)
        if built is not None:
            return built
        raw = self.raw[name]
        error = raw.get("error", {})
        shape = Shape(
            name=name,
            kind=raw["type"],
            required=tuple(raw.get("required", ())),
            min=raw.get("min"),
            max=raw.get("max"),
            pattern=raw.get("pattern", ""),
            enum=tuple(raw.get("enum", ())),
            payload=raw.get("payload", ""),
            location_name=raw.get("locationName", ""),
            xml_namespace=_namespace(raw)[0],
            error_code=error.get("code", ""),
            error_status=error.get("httpStatusCode", 0),
            is_error=bool(raw.get("exception")),
            is_union=bool(raw.get("union")),
            is_document=bool(raw.get("document")),
            is_eventstream=bool(raw.get("eventstream")),
            is_sparse=bool(raw.get("sparse")),
            is_sensitive=bool(raw.get("sensitive")),
            is_streaming=bool(raw.get("streaming")),
        )
        self._built[name] = shape
        for member_name, reference in raw.get("members", {}).items():
            shape.members[member_name] = self._member(member_name, reference)
        for part, field in (("member", "element"), ("key", "key"), ("value", "value")):
            if part in raw:
                _set(shape, field, self._member(field, raw[part]))
        return shape

    def _member(self, name: str, reference: Raw) -> Member:
        facts = self.raw[reference["shape"]]
        namespace, prefix = (
            _namespace(reference) if "xmlNamespace" in reference else _namespace(facts)
        )
        return Member(
            name=name,
            shape=self.get(reference["shape"]),
            location=reference.get("location", ""),
            location_name=reference.get("locationName") or facts.get("locationName", ""),
            query_name=reference.get("queryName", ""),
            timestamp_format=reference.get("timestampFormat") or facts.get("timestampFormat", ""),
            xml_namespace=namespace,
            xml_prefix=prefix,
            is_flattened=bool(reference.get("flattened") or facts.get("flattened")),
            is_streaming=bool(reference.get("streaming") or facts.get("streaming")),
            is_xml_attribute=bool(reference.get("xmlAttribute")),
            is_idempotency_token=bool(reference.get("idempotencyToken")),
            is_json_value=bool(reference.get("jsonvalue")),
            is_host_label=bool(reference.get("hostLabel")),
            is_event_header=bool(reference.get("eventheader")),
            is_event_payload=bool(reference.get("eventpayload")),
        )


class _Operations(Mapping[str, Operation]):
    def __init__(self, service_name: str, raw: Mapping[str, Raw], table: _ShapeTable) -> None:
        self._service_name = service_name
        self._raw = raw
        self._table = table
        self._built: dict[str, Operation] = {}

    def __getitem__(self, name: str) -> Operation:
        built = self._built.get(name)
        if built is None:
            built = self._built[name] = self._build(name, self._raw[name])
        return built

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    def __contains__(self, name: object) -> bool:
        return name in self._raw

    def _build(self, name: str, raw: Raw) -> Operation:
        http = raw.get("http", {})
        input_, output = raw.get("input"), raw.get("output")
        return Operation(
            service=self._service_name,
            name=name,
            method=http.get("method", "POST"),
            uri=http.get("requestUri", "/"),
            status=http.get("responseCode", 200),
            input=self._table.get(input_["shape"]) if input_ else None,
            output=self._table.get(output["shape"]) if output else None,
            input_name=(input_ or {}).get("locationName", ""),
            input_xml_namespace=_namespace(input_ or {})[0],
            result_wrapper=(output or {}).get("resultWrapper", ""),
            errors=tuple(self._table.get(each["shape"]) for each in raw.get("errors", ())),
            host_prefix=raw.get("endpoint", {}).get("hostPrefix", ""),
            auth_type=raw.get("authtype", ""),
            checksum=raw.get("httpChecksum", {}),
            is_checksum_required=bool(raw.get("httpChecksumRequired")),
            is_payload_unsigned=bool(raw.get("unsignedPayload")),
            is_deprecated=bool(raw.get("deprecated")),
        )


class _Errors(Mapping[str, Shape]):
    """Error shapes under their name and under their code; the name wins where both exist."""

    def __init__(self, table: _ShapeTable) -> None:
        self._table = table
        self._names: dict[str, str] = {}
        errors = [name for name, raw in table.raw.items() if raw.get("exception")]
        for name in errors:
            self._names.setdefault(table.raw[name].get("error", {}).get("code", name), name)
        for name in errors:
            self._names[name] = name

    def __getitem__(self, name: str) -> Shape:
        return self._table.get(self._names[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _namespace(facts: Raw) -> tuple[str, str]:
    """Uri and prefix; the models spell a namespace as a string or as a mapping."""
    given = facts.get("xmlNamespace", "")
    if isinstance(given, dict):
        return given.get("uri", ""), given.get("prefix", "")
    return given, ""
