"""Finds out which operation of which service a request asks for.

In order: ``X-Amz-Target``; the rpc-v2-cbor path; the service of the signature's scope; the host;
the form's ``Action`` and ``Version``; and for what is left, S3, but for a POST to ``/`` without any of
these: S3 has no such operation, so that whoever sent it meant another service.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any
from urllib.parse import unquote

from pileus import shapes
from pileus.protocols.http import HttpRequest
from pileus.protocols.targets import Target, Unroutable
from pileus.protocols.uris import uri_table
from pileus.values.errors import not_implemented

_FORM_TYPE = "application/x-www-form-urlencoded"
_SCOPE_IN_QUERY = re.compile(r"(?:^|&)X-Amz-Credential=([^&]*)", re.IGNORECASE)
_V2_IN_QUERY = re.compile(r"(?:^|&)AWSAccessKeyId=")
_OLD_CBOR = "application/x-amz-cbor"
"""What the Java SDKs speak with Kinesis unless told otherwise: JSON's protocol, written as CBOR."""
_CBOR_PATH = re.compile(r"^/service/([^/]+)/operation/([^/]+)$")
_S3_HOST = re.compile(r"^(?:(?P<bucket>.+)\.)?s3(?:[.-][a-z0-9-]+)*?\.(?P<rest>[a-z0-9.-]+)$")
_BUCKET_DOMAINS = (".localhost",)
_ADDRESS = re.compile(r"^(?:\d+\.\d+\.\d+\.\d+|\[.*\])$")

_METHOD_NOT_ALLOWED = "The specified method is not allowed against this resource."


def is_form(request: HttpRequest) -> bool:
    """Whether :func:`route` needs the body: a form whose ``Action`` names the operation."""
    return request.method == "POST" and request.headers.get("content-type", "").startswith(
        _FORM_TYPE
    )


def route(request: HttpRequest, form: bytes = b"") -> Target:
    """The operation a request asks for.

    Args:
        form: the whole body where :func:`is_form` says so.

    Raises:
        Unroutable: a ServiceError that names what was not found and says how to word it.
    """
    headers = request.headers
    aimed = headers.get("x-amz-target")
    if aimed is not None:
        return _by_target_header(aimed, headers.get("content-type", ""))
    if headers.get("smithy-protocol") == "rpc-v2-cbor":
        return _by_cbor_path(request)
    scope = scope_of(request)
    text = form.decode("latin-1")
    if "Action=" in text or "Action=" in request.query:
        found = _by_action(request, scope, text)
        if found is not None:
            return found
    if scope:
        return _by_signing_name(request, scope)
    by_host = _service_of_host(request.host)
    if by_host and by_host != "s3":
        return _by_signing_name(request, by_host)
    if not by_host and request.method == "POST" and request.path == "/":
        _refuse_aimless(request)
    return _s3(request)


def scope_of(request: HttpRequest) -> str:
    """The service the signature's scope names; ``s3`` for a version 2 signature; else empty."""
    authorization = request.headers.get("authorization", "")
    if authorization.startswith("AWS4-"):
        return _scope_of_authorization(authorization.partition(",")[0])
    if authorization.startswith("AWS "):
        return "s3"
    if request.query:
        found = _SCOPE_IN_QUERY.search(request.query)
        if found is not None:
            parts = unquote(found.group(1)).split("/")
            return parts[-2] if len(parts) >= 5 else ""
        if _V2_IN_QUERY.search(request.query):
            return "s3"
    return ""


@lru_cache(maxsize=4096)
def _scope_of_authorization(first_part: str) -> str:
    """From ``AWS4-HMAC-SHA256 Credential=key/date/region/service/aws4_request``."""
    parts = first_part.rpartition("Credential=")[2].split("/")
    return parts[-2].strip() if len(parts) >= 5 else ""


def _refuse_aimless(request: HttpRequest) -> None:
    """Tell apart by its content type what a POST to ``/`` was to be; a browser's form is S3's."""
    kind = request.headers.get("content-type", "")
    if bucket_of_host(request.host) or kind.startswith("multipart/form-data"):
        return
    if "json" in kind:
        raise Unroutable(
            "UnknownOperationException",
            "The request names no operation: it has no X-Amz-Target header.",
            target=Target("", "", "json", json_version="1.0" if "json-1.0" in kind else "1.1"),
        )
    raise Unroutable(
        "MissingAction",
        "The request is missing an action: it has neither an Action parameter nor an "
        "X-Amz-Target header nor a signature that names a service.",
        target=Target("", "", "query"),
    )


# ---------------------------------------------------------------- by the target header


@cache
def _target_prefixes() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, facts in shapes.known_services().items():
        if facts.get("targetPrefix"):
            found.setdefault(facts["targetPrefix"], []).append(name)
    return found


_aimed: dict[tuple[str, str], tuple[str, str, str]] = {}
_KNOWN_MAX = 4096


def _by_target_header(aimed: str, content_type: str) -> Target:
    known = _aimed.get((aimed, content_type))
    if known is None:
        known = _find_target(aimed, content_type)
        if len(_aimed) < _KNOWN_MAX:
            _aimed[(aimed, content_type)] = known
    service, operation, version = known
    return Target(service, operation, "json", json_version=version)


def _find_target(aimed: str, content_type: str) -> tuple[str, str, str]:
    prefix, _, operation = aimed.rpartition(".")
    names = _target_prefixes().get(prefix, [])
    version = "1.0" if content_type.startswith("application/x-amz-json-1.0") else "1.1"
    if content_type.startswith(_OLD_CBOR):
        raise Unroutable(
            "NotImplemented",
            f"Pileus does not speak {_OLD_CBOR}; set the SDK's aws.cborEnabled to false.",
            target=Target(names[0] if names else "", "", "json", json_version=version),
            status=501,
        )
    for name in names:
        if operation in shapes.service(name).operations:
            return name, operation, version
    target = Target(names[0] if names else "", "", "json", json_version=version)
    whom = f"the service {names[0]}" if names else "any service"
    raise Unroutable(
        "UnknownOperationException",
        f"The operation {operation or aimed!r} is not known to {whom}.",
        target=target,
    )


def _by_cbor_path(request: HttpRequest) -> Target:
    found = _CBOR_PATH.match(request.path)
    target = Target("", "", "smithy-rpc-v2-cbor", method=request.method)
    if found is not None:
        prefix, operation = found.groups()
        for name in _target_prefixes().get(prefix, []):
            target.service = name
            if operation in shapes.service(name).operations:
                target.operation = operation
                return target
    raise Unroutable(
        "UnknownOperationException",
        f"No operation is served at {request.path}.",
        target=target,
        status=404,
    )


# ---------------------------------------------------------------- by Action and Version


@cache
def _query_services() -> dict[str, list[str]]:
    """API version → names of the services that speak the query protocol, EC2's dialect included."""
    found: dict[str, list[str]] = {}
    for name, facts in shapes.known_services().items():
        protocols = _protocols(name)
        if "query" in protocols or "ec2" in protocols or name == "sqs":
            found.setdefault(facts["apiVersion"], []).append(name)
    return found


def _by_action(request: HttpRequest, scope: str, text: str) -> Target | None:
    action = _parameter(text, "Action=") or _parameter(request.query, "Action=")
    if not action:
        return None
    version = _parameter(text, "Version=") or _parameter(request.query, "Version=")
    asked = (scope, action, version)
    known = _acted.get(asked)
    if known is None:
        operation = unquote(asked[1])
        known = _service_of_action(scope, operation, unquote(asked[2])), operation
        if len(_acted) < _KNOWN_MAX:
            _acted[asked] = known
    service, operation = known
    dialect = "ec2" if service and "ec2" in _protocols(service) else "query"
    target = Target(service, operation, dialect, method=request.method)
    if service and operation in shapes.service(service).operations:
        return target
    if scope == "s3":
        return None  # an object whose query happens to hold Action=
    target.operation = ""
    raise Unroutable(
        "InvalidAction",
        f"The action {operation} is not valid for this web service.",
        target=target,
    )


def _parameter(form: str, name: str) -> str:
    """The raw value of the first parameter ``name`` (which ends in ``=``); empty without one."""
    at = 0 if form.startswith(name) else form.find(f"&{name}") + 1
    if at == 0 and not form.startswith(name):
        return ""
    stop = form.find("&", at)
    return form[at + len(name) : stop if stop >= 0 else len(form)]


_acted: dict[tuple[str, str, str], tuple[str, str]] = {}


def _service_of_action(scope: str, operation: str, api_version: str) -> str:
    """The service that has the action; else the likeliest one; empty where none can be told."""
    names = _query_names(scope, api_version)
    for name in names:
        if operation in shapes.service(name).operations:
            return name
    return names[0] if names else ""


def _query_names(scope: str, api_version: str) -> list[str]:
    all_names = [name for names in _query_services().values() for name in names]
    if scope:
        named = [name for name in _signing_names().get(scope, ()) if name in all_names]
        exact = [name for name in named if name in _query_services().get(api_version, ())]
        return exact + [name for name in named if name not in exact]
    return _query_services().get(api_version, []) if api_version else []


# ---------------------------------------------------------------- by signing name and path


@cache
def _signing_names() -> dict[str, list[str]]:
    """Signing name → services, the one of the same name first."""
    found: dict[str, list[str]] = {}
    for name, facts in shapes.known_services().items():
        for alias in {facts.get("signingName") or facts["endpointPrefix"], facts["endpointPrefix"]}:
            found.setdefault(alias, []).append(name)
        found.setdefault(name, []).append(name)
    for alias, names in found.items():
        names[:] = sorted(set(names), key=lambda name, alias=alias: (name != alias, name))  # type: ignore[misc]
    return found


def _protocols(name: str) -> list[str]:
    facts: Any = shapes.known_services()[name]
    return list(facts.get("protocols") or [facts["protocol"]])


def _by_signing_name(request: HttpRequest, signing_name: str) -> Target:
    if signing_name in ("s3", "s3express") and "x-amz-account-id" not in request.headers:
        return _s3(request)
    names = _signing_names().get(signing_name, [])
    for name in names:
        protocol = _protocols(name)[0]
        if not protocol.startswith("rest-") or name == "s3":
            continue
        found = _matched(name, request, request.path)
        if found is not None:
            return Target(name, found[0], protocol, found[1], request.method)
    protocol = _protocols(names[0])[0] if names else _guess(request)
    where = f"the service {signing_name}" if names else f"any service ({signing_name} is unknown)"
    target = Target(names[0] if names else "", "", protocol, method=request.method)
    is_form_based = protocol in ("query", "ec2")
    raise Unroutable(
        "MissingAction" if is_form_based else "UnknownOperationException",
        "The request is missing an action or a required parameter."
        if is_form_based
        else f"{request.method} {request.path} names no operation known to {where}.",
        target=target,
        status=404 if protocol.startswith("rest-") else 400,
    )


def _matched(name: str, request: HttpRequest, path: str) -> tuple[str, dict[str, str]] | None:
    try:
        return uri_table(name).match(request.method, path, request.query, request.headers)
    except UnicodeDecodeError as problem:
        target = Target(name, "", _protocols(name)[0], method=request.method)
        raise Unroutable(
            "InvalidURI", "Couldn't parse the specified URI.", target=target
        ) from problem


def _guess(request: HttpRequest) -> str:
    kind = request.headers.get("content-type", "")
    if kind.startswith(_FORM_TYPE):
        return "query"
    return "json" if "amz-json" in kind else "rest-json"


# ---------------------------------------------------------------- S3


def _s3(request: HttpRequest) -> Target:
    bucket = bucket_of_host(request.host)
    path = f"/{bucket}{request.path}" if bucket else request.path
    found = _matched("s3", request, path)
    if found is None:
        raise _not_s3s(request, unquote(path))
    return Target("s3", found[0], "rest-xml", found[1], request.method)


def _not_s3s(request: HttpRequest, path: str) -> Unroutable:
    """S3's refusal of a method, with what it calls the thing at the path."""
    bucket, _, key = path.lstrip("/").partition("/")
    target = Target("s3", "", "rest-xml", method=request.method)
    kind = ("OBJECT" if key else "BUCKET") if bucket else "SERVICE"
    if request.method != "POST" or kind != "BUCKET":
        told = {"Method": request.method, "ResourceType": kind}
        return Unroutable(
            "MethodNotAllowed", _METHOD_NOT_ALLOWED, target=target, status=405, fields=told
        )
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        refusal = not_implemented("s3", "PostObject")
        return Unroutable(refusal.code, refusal.message, target=target, status=refusal.status)
    return Unroutable(
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
        target=target,
        status=412,
        fields={"Condition": "Bucket POST must be of the enclosure-type multipart/form-data"},
    )


@lru_cache(maxsize=4096)
def _split_host(host: str) -> tuple[str, str]:
    """The service a host names and the bucket in front of it; empty where it names none."""
    name = host.rsplit(":", 1)[0].lower() if not host.endswith("]") else host.lower()
    if _ADDRESS.match(name) or "." not in name:
        return "", ""
    found = _S3_HOST.match(name)
    if found is not None:
        return "s3", found.group("bucket") or ""
    for domain in _BUCKET_DOMAINS:
        if name.endswith(domain):
            return "", name[: -len(domain)]
    if name.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        labels = name.split(".")
        for label in labels[:-2]:
            if label in _signing_names():
                return label, ""
    return "", ""


def _service_of_host(host: str) -> str:
    service, first = _split_host(host)
    if service:
        return service
    # ``lambda.localhost`` names a service, ``photos.localhost`` a bucket.
    head = first.split(".")[0] if first else ""
    return head if head in _signing_names() and head != "s3" else ""


def bucket_of_host(host: str) -> str:
    """The bucket of a virtual-hosted request; empty for a path-style one."""
    return _split_host(host)[1] if host else ""
