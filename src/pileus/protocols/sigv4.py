"""Checks AWS Signature Version 4 in headers and in presigned queries.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from urllib.parse import unquote

import msgspec

from pileus.kernel.credentials import Credential
from pileus.protocols import auth_errors, sigv2
from pileus.protocols.http import HttpRequest
from pileus.protocols.sigv4_canonical import canonical_headers, spellings
from pileus.protocols.sigv4_claims import (
    Claim,
    check_presign_time,
    check_scope,
    check_signed_headers,
    check_skew,
    claim_of,
    date_of,
    parse_claim,
    what_lacks,
)
from pileus.protocols.targets import Target
from pileus.values.errors import ServiceError

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()

_new_sha256 = hashlib.sha256
_compare_digest = hmac.compare_digest
_INNER_PAD = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD = bytes(byte ^ 0x5C for byte in range(256))

_HEX_64 = re.compile(r"[0-9a-f]{64}")
_KEYS_MAX = 4096


Lookup = Callable[[str, str], Credential | None]
"""``(access key id, session token or "") → Credential``; None when nobody has that pair."""


class Verified(msgspec.Struct):
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


class _SigningKey:
    """A derived key with both its hashes begun: HMAC (RFC 2104) at less than half the cost."""

    __slots__ = ("_inner", "_outer", "raw")

    def __init__(self, raw: bytes) -> None:
        block = raw.ljust(64, b"\0")  # a derived key is 32 bytes: shorter than SHA-256's block
        self.raw = raw
        self._inner = _new_sha256(block.translate(_INNER_PAD))
        self._outer = _new_sha256(block.translate(_OUTER_PAD))

    def sign(self, text: str) -> str:
        """The HMAC-SHA256 of the text, in hex."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text.encode())
        outer.update(inner.digest())
        return outer.hexdigest()


class Verifier:
    """Checks signatures against the credentials of ``lookup``."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._keys: dict[tuple[str, str], _SigningKey] = {}

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
        claim = parse_claim(constant)
        if claim is None or not signature or not signature.isascii():
            raise auth_errors.incomplete(target, what_lacks(headers["authorization"]))
        signed_at = date_of(headers)
        if not signed_at:
            told = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
            raise auth_errors.incomplete(target, told)
        token = headers.get("x-amz-security-token", "")
        credential = self._credential(target, claim.access_key, token, now_ms)
        check_scope(claim, signed_at, target)
        check_skew(signed_at, now_ms, target)
        check_signed_headers(claim, request, target)
        declared = headers.get("x-amz-content-sha256")
        payload = declared or _hash(raw, target)
        key = self._signing_key(credential.secret_key, claim)
        self._compare(request, target, (claim, signed_at, payload, request.query), (key, signature))
        if declared and raw is not None and _is_other_hash(declared, raw):
            raise auth_errors.mismatch(target)
        return Verified(
            credential,
            claim.access_key,
            claim.region,
            payload,
            signature,
            key.raw,
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
        claim = claim_of(given["X-Amz-Credential"], given["X-Amz-SignedHeaders"])
        signature = given["X-Amz-Signature"]
        if given["X-Amz-Algorithm"] != "AWS4-HMAC-SHA256" or not claim or not signature.isascii():
            told = (
                "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; "
                'expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
            )
            raise auth_errors.incomplete(target, told, in_query=True)
        token = given.get("X-Amz-Security-Token", "")
        credential = self._credential(target, claim.access_key, token, now_ms)
        signed_at = given["X-Amz-Date"]
        check_scope(claim, signed_at, target)
        check_presign_time(signed_at, given["X-Amz-Expires"], now_ms, target)
        check_signed_headers(claim, request, target)
        payload = request.headers.get("x-amz-content-sha256", "")
        if not payload:
            payload = UNSIGNED_PAYLOAD if target.service == "s3" else _hash(raw, target)
        key = self._signing_key(credential.secret_key, claim)
        query = "&".join(kept)
        self._compare(request, target, (claim, signed_at, payload, query), (key, signature))
        return Verified(
            credential,
            claim.access_key,
            claim.region,
            payload,
            signature,
            key.raw,
            signed_at,
            claim.scope,
        )

    # ------------------------------------------------------------ common

    def _verify_v2(self, request: HttpRequest, target: Target, now_ms: int) -> Verified:
        claim = sigv2.parse(request, target, now_ms)
        credential = self._credential(target, claim.access_key, claim.token, now_ms)
        sigv2.check(request, target, claim, credential.secret_key)
        return Verified(credential, claim.access_key, "us-east-1", UNSIGNED_PAYLOAD)

    def _credential(self, target: Target, access_key: str, token: str, now_ms: int) -> Credential:
        credential = self._lookup(access_key, token)
        if credential is None:
            raise auth_errors.unknown_key(target, access_key)
        if credential.expires_ms is not None and credential.expires_ms <= now_ms:
            raise auth_errors.expired_token(target)
        return credential

    def _signing_key(self, secret: str, claim: Claim) -> _SigningKey:
        known = self._keys.get((secret, claim.scope))
        if known is not None:
            return known
        raw = f"AWS4{secret}".encode()
        for part in (claim.date, claim.region, claim.service, "aws4_request"):
            raw = hmac.digest(raw, part.encode(), "sha256")
        key = _SigningKey(raw)
        if len(self._keys) >= _KEYS_MAX:
            self._keys.clear()
        self._keys[(secret, claim.scope)] = key
        return key

    def _compare(
        self,
        request: HttpRequest,
        target: Target,
        signed: tuple[Claim, str, str, str],
        expected: tuple[_SigningKey, str],
    ) -> None:
        """Raises SignatureDoesNotMatch unless one of the spellings of path and query fits."""
        claim, signed_at, payload, query = signed
        key, signature = expected
        tail = f"{canonical_headers(claim, request)}\n{claim.signed_text}\n{payload}"
        canonical = to_sign = ""
        for path, canonical_query in spellings(request.path, query, target.service == "s3"):
            canonical = f"{request.method}\n{path}\n{canonical_query}\n{tail}"
            digest = _new_sha256(canonical.encode()).hexdigest()
            to_sign = f"AWS4-HMAC-SHA256\n{signed_at}\n{claim.scope}\n{digest}"
            if _compare_digest(key.sign(to_sign), signature):
                return
        fields = {
            "AWSAccessKeyId": claim.access_key,
            "StringToSign": to_sign,
            "SignatureProvided": signature,
            "CanonicalRequest": canonical,
        }
        raise auth_errors.mismatch(target, fields=fields)


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest() if raw else EMPTY_SHA256


def _is_other_hash(declared: str, raw: bytes) -> bool:
    return declared != _sha256(raw) and _HEX_64.fullmatch(declared) is not None


def _hash(raw: bytes | None, target: Target) -> str:
    if raw is None:
        raise ServiceError(
            "InvalidRequest", "Missing required header for this request: x-amz-content-sha256"
        )
    return _sha256(raw)
