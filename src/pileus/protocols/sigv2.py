"""Checks S3's Signature Version 2: ``Authorization: AWS key:signature`` and presigned queries.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html
"""

from __future__ import annotations

import base64
import hmac
import re
from datetime import UTC, datetime
from urllib.parse import unquote, unquote_plus

import msgspec

from pileus.protocols import auth_errors
from pileus.protocols.http import HttpRequest
from pileus.protocols.router import bucket_of_host
from pileus.protocols.targets import Target
from pileus.protocols.timestamps import parse_http_date
from pileus.values.errors import ServiceError

SKEW_MINUTES = 15

_PRESIGNED = re.compile(r"(?:^|&)AWSAccessKeyId=")
_SUBRESOURCES = frozenset(
    [
        "acl",
        "accelerate",
        "analytics",
        "cors",
        "defaultObjectAcl",
        "delete",
        "inventory",
        "lifecycle",
        "location",
        "logging",
        "metrics",
        "notification",
        "object-lock",
        "partNumber",
        "policy",
        "replication",
        "requestPayment",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
        "restore",
        "select",
        "select-type",
        "storageClass",
        "tagging",
        "torrent",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "versions",
        "website",
    ]
)


class Claim(msgspec.Struct, frozen=True):
    """``expires``: epoch seconds of a presigned request, as text; empty in the header form."""

    access_key: str
    signature: str
    expires: str
    token: str


def is_presigned(query: str) -> bool:
    """Whether the query carries a version 2 signature."""
    return _PRESIGNED.search(query) is not None


def http_epoch_s(text: str) -> int | None:
    """Epoch seconds of an HTTP date; None when it is none."""
    try:
        return int(parse_http_date(text).timestamp())
    except ValueError:
        return None


def parse(request: HttpRequest, target: Target, now_ms: int) -> Claim:
    """The claim of a request, its time checked.

    Raises:
        ServiceError: AccessDenied for an expired or incomplete one, RequestTimeTooSkewed.
    """
    authorization = request.headers.get("authorization", "")
    if authorization.startswith("AWS "):
        access_key, _, signature = authorization[4:].partition(":")
        date = request.headers.get("x-amz-date") or request.headers.get("date", "")
        moment = http_epoch_s(date)
        if moment is None:
            raise ServiceError(
                "AccessDenied",
                "AWS authentication requires a valid Date or x-amz-date header",
                status=403,
            )
        if abs(now_ms - moment * 1000) > SKEW_MINUTES * 60_000:
            raise auth_errors.skewed(target, date, _iso(now_ms // 1000), minutes=SKEW_MINUTES)
        token = request.headers.get("x-amz-security-token", "")
        return Claim(access_key, signature.strip(), "", token)
    given = _parameters(request.query)
    if not given.get("Signature") or not given.get("Expires", "").isdecimal():
        raise ServiceError(
            "AccessDenied",
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId "
            "parameters",
            status=403,
        )
    expires = given["Expires"]
    if int(expires) * 1000 < now_ms:
        fields = {"Expires": _iso(int(expires)), "ServerTime": _iso(now_ms // 1000)}
        raise auth_errors.expired_request(target, fields)
    token = given.get("x-amz-security-token", "")
    return Claim(given["AWSAccessKeyId"], given["Signature"], expires, token)


def check(request: HttpRequest, target: Target, claim: Claim, secret: str) -> None:
    """Raises SignatureDoesNotMatch unless the signature is the one ``secret`` gives."""
    to_sign = _string_to_sign(request, claim)
    digest = hmac.digest(secret.encode(), to_sign.encode(), "sha1")
    if not hmac.compare_digest(base64.b64encode(digest), claim.signature.encode()):
        fields = {
            "AWSAccessKeyId": claim.access_key,
            "StringToSign": to_sign,
            "SignatureProvided": claim.signature,
        }
        raise auth_errors.mismatch(target, fields=fields)


def _string_to_sign(request: HttpRequest, claim: Claim) -> str:
    given = _parameters(request.query)
    headers = dict(request.headers)
    if claim.expires:
        # What a presigner would have sent as a header may stand in the query instead.
        for name, value in given.items():
            if name.startswith("x-amz-") or name in ("content-md5", "content-type"):
                headers[name] = value
    date = claim.expires or ("" if "x-amz-date" in headers else headers.get("date", ""))
    lines = [
        request.method,
        headers.get("content-md5", "").strip(),
        headers.get("content-type", "").strip(),
        date,
    ]
    lines += [
        f"{name}:{' '.join(headers[name].split())}"
        for name in sorted(headers)
        if name.startswith("x-amz-")
    ]
    return "\n".join([*lines, _resource(request)])


def _resource(request: HttpRequest) -> str:
    bucket = bucket_of_host(request.host)
    path = f"/{bucket}{request.path}" if bucket else request.path
    kept = []
    for pair in sorted(request.query.split("&")):
        name, equals, value = pair.partition("=")
        if unquote(name) in _SUBRESOURCES:
            kept.append(f"{name}={unquote_plus(value)}" if equals and value else name)
    return f"{path}?{'&'.join(kept)}" if kept else path


def _parameters(query: str) -> dict[str, str]:
    found = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        found[unquote(name)] = unquote(value)
    return found


def _iso(epoch_s: int) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
