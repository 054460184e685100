"""Checks AWS Signature Version 4 in headers and in presigned queries.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from posixpath import normpath
from urllib.parse import quote, unquote

from pileus.protocols import auth_errors, sigv2
from pileus.protocols.http import HttpRequest
from pileus.protocols.targets import Target
from pileus.values.context import Principal
from pileus.values.errors import ServiceError

SKEW_MINUTES = 15
PRESIGN_SECONDS_MAX = 604_800
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()

_new_sha256 = hashlib.sha256
_hmac_digest = hmac.digest
_compare_digest = hmac.compare_digest

_HEX_64 = re.compile(r"[0-9a-f]{64}")
_AMZ_DATE = re.compile(r"\d{8}T\d{6}Z")
_KEYS_MAX = 4096


@dataclass(frozen=True, slots=True)
class Credential:
    """What an access key stands for.

    Attributes:
        account: the account its calls act in.
        expires_ms: end of a temporary credential, epoch milliseconds; None when it has none.
        is_loopback_only: valid for callers on this machine only (the default ``test`` pair).
    """

    secret: str
    principal: Principal
    account: str
    expires_ms: int | None = None
    is_loopback_only: bool = False


Lookup = Callable[[str, str], Credential | None]
"""``(access key id, session token or "") → Credential``; None when nobody has that pair."""


@dataclass(slots=True)  # not frozen: one is made for every request, and freezing doubles its cost
class Verified:
    """A request whose signature is right.

    Attributes:
        payload: the declared payload hash: 64 hex digits, ``UNSIGNED-PAYLOAD`` or ``STREAMING-…``.
        signature: seed of the chunk signatures of a streamed payload.
        scope: ``20261121/us-east-1/s3/aws4_request``.
    """

    credential: Credential
    access_key: str
    region: str
    payload: str
    signature: str = ""
    signing_key: bytes = b""
    signed_at: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class _Claim:
    """The constant part of an authorization: the same for every request of a client in a day."""

    access_key: str
    date: str
    region: str
    service: str
    scope: str
    signed: tuple[str, ...]
    signed_text: str


class Verifier:
    """Checks signatures against the credentials of ``lookup``."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._keys: dict[tuple[str, str], bytes] = {}

    def verify(
        self, request: HttpRequest, target: Target, raw: bytes | None, now_ms: int
    ) -> Verified | None:
        """Who sent the request; None when it carries no credentials.

        Args:
            raw: the whole body; None when it is a stream, which then must declare its hash.

        Raises:
            ServiceError: in the words of the target's protocol.
        """
        authorization = request.headers.get("authorization")
        if authorization is not None:
            if authorization.startswith("AWS4-HMAC-SHA256"):
                return self._verify_header(request, target, raw, now_ms)
            if authorization.startswith("AWS ") and target.service == "s3":
                return self._verify_v2(request, target, now_ms)
            if authorization.startswith("AWS4-ECDSA"):
                raise ServiceError(
                    "NotImplemented", "Pileus does not verify SigV4A signatures yet.", status=501
                )
            told = f"Unsupported Authorization type: '{authorization.split(' ', 1)[0]}'"
            raise auth_errors.incomplete(target, told)
        query = request.query
        if query and "X-Amz-Signature=" in query:
            return self._verify_query(request, target, raw, now_ms)
        if query and target.service == "s3" and sigv2.is_presigned(query):
            return self._verify_v2(request, target, now_ms)
        return None

    # ------------------------------------------------------------ header

    def _verify_header(
        self, request: HttpRequest, target: Target, raw: bytes | None, now_ms: int
    ) -> Verified:
        headers = request.headers
        constant, _, signature = headers["authorization"].rpartition("Signature=")
        claim = _parse_claim(constant)
        if claim is None or not signature:
            raise auth_errors.incomplete(target, _what_lacks(headers["authorization"]))
        signed_at = _date_of(headers)
        if not signed_at:
            told = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
            raise auth_errors.incomplete(target, told)
        token = headers.get("x-amz-security-token", "")
        credential = self._credential(target, claim.access_key, token, now_ms)
        _check_scope(claim, signed_at, target)
        _check_skew(signed_at, now_ms, target)
        _check_signed_headers(claim, request, target)
        declared = headers.get("x-amz-content-sha256")
        payload = declared or _hash(raw, target)
        key = self._signing_key(credential.secret, claim)
        self._compare(request, target, (claim, signed_at, payload, request.query), (key, signature))
        if declared and raw is not None and _is_other_hash(declared, raw):
            raise auth_errors.mismatch(target)
        return Verified(
            credential,
            claim.access_key,
            claim.region,
            payload,
            signature,
            key,
            signed_at,
            claim.scope,
        )

    # ------------------------------------------------------------ presigned query

    def _verify_query(
        self, request: HttpRequest, target: Target, raw: bytes | None, now_ms: int
    ) -> Verified:
        given = {}
        kept = []
        for pair in request.query.split("&"):
            name, _, value = pair.partition("=")
            if name != "X-Amz-Signature":
                kept.append(pair)
            if name.startswith("X-Amz-"):
                given[name] = unquote(value)
        names = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
        if any(not given.get(f"X-Amz-{name}") for name in names):
            told = (
                "Query-string authentication version 4 requires the X-Amz-Algorithm, "
                "X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and "
                "X-Amz-Expires parameters."
            )
            raise auth_errors.incomplete(target, told, in_query=True)
        claim = _claim(given["X-Amz-Credential"], given["X-Amz-SignedHeaders"])
        if given["X-Amz-Algorithm"] != "AWS4-HMAC-SHA256" or claim is None:
            told = (
                "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; "
                'expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
            )
            raise auth_errors.incomplete(target, told, in_query=True)
        token = given.get("X-Amz-Security-Token", "")
        credential = self._credential(target, claim.access_key, token, now_ms)
        signed_at = given["X-Amz-Date"]
        _check_scope(claim, signed_at, target)
        _check_presign_time(signed_at, given["X-Amz-Expires"], now_ms, target)
        _check_signed_headers(claim, request, target)
        payload = request.headers.get("x-amz-content-sha256", "")
        if not payload:
            payload = UNSIGNED_PAYLOAD if target.service == "s3" else _hash(raw, target)
        key = self._signing_key(credential.secret, claim)
        signature = given["X-Amz-Signature"]
        query = "&".join(kept)
        self._compare(request, target, (claim, signed_at, payload, query), (key, signature))
        return Verified(
            credential,
            claim.access_key,
            claim.region,
            payload,
            signature,
            key,
            signed_at,
            claim.scope,
        )

    # ------------------------------------------------------------ common

    def _verify_v2(self, request: HttpRequest, target: Target, now_ms: int) -> Verified:
        claim = sigv2.parse(request, target, now_ms)
        credential = self._credential(target, claim.access_key, claim.token, now_ms)
        sigv2.check(request, target, claim, credential.secret)
        return Verified(credential, claim.access_key, "us-east-1", UNSIGNED_PAYLOAD)

    def _credential(self, target: Target, access_key: str, token: str, now_ms: int) -> Credential:
        credential = self._lookup(access_key, token)
        if credential is None:
            raise auth_errors.unknown_key(target, access_key)
        if credential.expires_ms is not None and credential.expires_ms <= now_ms:
            raise auth_errors.expired_token(target)
        return credential

    def _signing_key(self, secret: str, claim: _Claim) -> bytes:
        known = self._keys.get((secret, claim.scope))
        if known is not None:
            return known
        key = f"AWS4{secret}".encode()
        for part in (claim.date, claim.region, claim.service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        if len(self._keys) >= _KEYS_MAX:
            self._keys.clear()
        self._keys[(secret, claim.scope)] = key
        return key

    def _compare(
        self,
        request: HttpRequest,
        target: Target,
        signed: tuple[_Claim, str, str, str],
        expected: tuple[bytes, str],
    ) -> None:
        """Raises SignatureDoesNotMatch unless one of the spellings of path and query fits."""
        claim, signed_at, payload, query = signed
        key, signature = expected
        tail = f"{_canonical_headers(claim, request)}\n{claim.signed_text}\n{payload}"
        canonical = to_sign = ""
        for path, canonical_query in _spellings(request.path, query, target.service == "s3"):
            canonical = f"{request.method}\n{path}\n{canonical_query}\n{tail}"
            digest = _new_sha256(canonical.encode()).hexdigest()
            to_sign = f"AWS4-HMAC-SHA256\n{signed_at}\n{claim.scope}\n{digest}"
            if _compare_digest(_hmac_digest(key, to_sign.encode(), "sha256").hex(), signature):
                return
        fields = {
            "AWSAccessKeyId": claim.access_key,
            "StringToSign": to_sign,
            "SignatureProvided": signature,
            "CanonicalRequest": canonical,
        }
        raise auth_errors.mismatch(target, fields=fields)


# ---------------------------------------------------------------- claims


@lru_cache(maxsize=4096)
def _parse_claim(constant: str) -> _Claim | None:
    """``AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, `` in parts; None when malformed."""
    fields = {}
    for part in constant[len("AWS4-HMAC-SHA256") :].split(","):
        name, _, value = part.strip().partition("=")
        fields[name] = value
    if not fields.get("Credential") or not fields.get("SignedHeaders"):
        return None
    return _claim(fields["Credential"], fields["SignedHeaders"])


def _claim(credential: str, signed_text: str) -> _Claim | None:
    parts = credential.rsplit("/", 4)
    if len(parts) != 5 or parts[4] != "aws4_request" or not all(parts):
        return None
    access_key, date, region, service, _ = parts
    scope = f"{date}/{region}/{service}/aws4_request"
    signed = tuple(signed_text.lower().split(";"))
    return _Claim(access_key, date, region, service, scope, signed, signed_text)


def _what_lacks(authorization: str) -> str:
    told = [
        f"Authorization header requires '{name}' parameter."
        for name in ("Credential", "Signature", "SignedHeaders")
        if f"{name}=" not in authorization
    ]
    told = told or ["Credential must have exactly 5 slash-delimited elements."]
    return f"{' '.join(told)} Authorization={authorization.split(' ', 1)[0]}"


# ---------------------------------------------------------------- times


@lru_cache(maxsize=1024)
def _epoch_s(amz_date: str) -> int | None:
    if not _AMZ_DATE.fullmatch(amz_date):
        return None
    try:
        return int(datetime.strptime(amz_date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None


def _amz_date(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y%m%dT%H%M%SZ")


def _date_of(headers: dict[str, str]) -> str:
    """The signing time as ``20261121T100000Z``; empty when there is none."""
    given = headers.get("x-amz-date", "")
    if given:
        return given
    plain = headers.get("date", "")
    if not plain:
        return ""
    if _AMZ_DATE.fullmatch(plain):
        return plain
    moment = sigv2.http_epoch_s(plain)
    return "" if moment is None else _amz_date(moment * 1000)


def _check_skew(signed_at: str, now_ms: int, target: Target) -> None:
    moment = _epoch_s(signed_at)
    if moment is None:
        told = (
            "Date must be in ISO-8601 'basic format'. "
            f"Got '{signed_at}'. See http://en.wikipedia.org/wiki/ISO_8601"
        )
        raise auth_errors.incomplete(target, told)
    if abs(now_ms - moment * 1000) > SKEW_MINUTES * 60_000:
        raise auth_errors.skewed(target, signed_at, _amz_date(now_ms), minutes=SKEW_MINUTES)


def _check_presign_time(signed_at: str, expires: str, now_ms: int, target: Target) -> None:
    moment = _epoch_s(signed_at)
    if moment is None or not expires.isdecimal():
        told = (
            "X-Amz-Expires should be a number"
            if moment is not None
            else ("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
        )
        raise auth_errors.incomplete(target, told, in_query=True)
    seconds = int(expires)
    if seconds > PRESIGN_SECONDS_MAX:
        told = (
            "X-Amz-Expires must be less than a week (in seconds); that is, the given "
            "X-Amz-Expires must be less than 604800 seconds"
        )
        raise auth_errors.incomplete(target, told, in_query=True)
    if moment * 1000 - now_ms > SKEW_MINUTES * 60_000:
        raise auth_errors.skewed(target, signed_at, _amz_date(now_ms), minutes=SKEW_MINUTES)
    if (moment + seconds) * 1000 < now_ms:
        end = datetime.fromtimestamp(moment + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        now = datetime.fromtimestamp(now_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        fields = {"X-Amz-Expires": expires, "Expires": end, "ServerTime": now}
        raise auth_errors.expired_request(target, fields)


def _check_scope(claim: _Claim, signed_at: str, target: Target) -> None:
    if claim.date != signed_at[:8]:
        told = (
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
            f"HTTP: '{claim.date}' != '{signed_at[:8]}', from '{signed_at}'."
        )
        raise auth_errors.mismatch(target, told)


def _check_signed_headers(claim: _Claim, request: HttpRequest, target: Target) -> None:
    if "host" not in claim.signed:
        told = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        raise auth_errors.mismatch(target, told)
    if target.service != "s3":
        return
    loose = [
        name
        for name in request.headers
        if name.startswith("x-amz-") and name not in claim.signed and name != "x-amz-content-sha256"
    ]
    if loose:
        raise ServiceError(
            "AccessDenied",
            "There were headers present in the request which were not signed",
            status=403,
            fields={"HeadersNotSigned": ", ".join(loose)},
        )


# ---------------------------------------------------------------- the canonical request


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest() if raw else EMPTY_SHA256


def _is_other_hash(declared: str, raw: bytes) -> bool:
    return _HEX_64.fullmatch(declared) is not None and declared != _sha256(raw)


def _hash(raw: bytes | None, target: Target) -> str:
    if raw is None:
        raise ServiceError(
            "InvalidRequest", "Missing required header for this request: x-amz-content-sha256"
        )
    return _sha256(raw)


def _canonical_headers(claim: _Claim, request: HttpRequest) -> str:
    headers = request.headers
    lines = []
    for name in claim.signed:
        value = headers.get(name, "")
        value = " ".join(value.split()) if "  " in value else value.strip()
        lines.append(f"{name}:{value}\n")
    return "".join(lines)


def _spellings(path: str, query: str, is_s3: bool) -> Sequence[tuple[str, str]]:
    """Canonical path and query; a second pair where a client may have spelt them another way.

    S3 signs the path encoded once, as sent. The others sign it normalised and encoded twice.
    """
    if path == "/" and not query:
        return (("/", ""),)
    sorted_query = "&".join(sorted(_with_equals(query))) if query else ""
    coded_query = "&".join(sorted(_recoded(query))) if query else ""
    once = quote(unquote(path), safe="/~")
    if is_s3:
        found = [(path, sorted_query), (once, coded_query)]
    else:
        found = [
            (quote(_normalized(path), safe="/~"), sorted_query),
            (quote(_normalized(once), safe="/~"), coded_query),
            (path, sorted_query),
        ]
    return [pair for index, pair in enumerate(found) if pair not in found[:index]]


def _with_equals(query: str) -> list[str]:
    return [pair if "=" in pair else f"{pair}=" for pair in query.split("&") if pair]


def _recoded(query: str) -> list[str]:
    found = []
    for pair in query.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            found.append(f"{quote(unquote(name), safe='~')}={quote(unquote(value), safe='~')}")
    return found


def _normalized(path: str) -> str:
    if "//" not in path and "/." not in path:
        return path
    clean = normpath(path).replace("//", "/")
    return f"{clean}/" if path.endswith("/") and clean != "/" else clean
