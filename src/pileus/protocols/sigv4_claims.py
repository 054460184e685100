"""What an authorization claims, and the checks that need no secret: times, scope, signed headers."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from pileus.protocols import auth_errors, sigv2
from pileus.protocols.http import HttpRequest
from pileus.protocols.targets import Target
from pileus.values.errors import ServiceError

SKEW_MINUTES = 15
PRESIGN_SECONDS_MAX = 604_800

_AMZ_DATE = re.compile(r"\d{8}T\d{6}Z")


class Claim(msgspec.Struct, frozen=True):
    """The constant part of an authorization: the same for every request of a client in a day."""

    access_key: str
    date: str
    region: str
    service: str
    scope: str
    signed: tuple[str, ...]
    signed_text: str


@lru_cache(maxsize=4096)
def parse_claim(constant: str) -> Claim | None:
    """``AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, `` in parts; None when malformed."""
    fields = {}
    for part in constant[len("AWS4-HMAC-SHA256") :].split(","):
        name, _, value = part.strip().partition("=")
        fields[name] = value
    if not fields.get("Credential") or not fields.get("SignedHeaders"):
        return None
    return claim_of(fields["Credential"], fields["SignedHeaders"])


def claim_of(credential: str, signed_text: str) -> Claim | None:
    parts = credential.rsplit("/", 4)
    if len(parts) != 5 or parts[4] != "aws4_request" or not all(parts):
        return None
    access_key, date, region, service, _ = parts
    scope = f"{date}/{region}/{service}/aws4_request"
    signed = tuple(signed_text.lower().split(";"))
    return Claim(access_key, date, region, service, scope, signed, signed_text)


def what_lacks(authorization: str) -> str:
    told = [
        f"Authorization header requires '{name}' parameter."
        for name in ("Credential", "Signature", "SignedHeaders")
        if f"{name}=" not in authorization
    ]
    told = told or ["Credential must have exactly 5 slash-delimited elements."]
    return f"{' '.join(told)} Authorization={authorization.split(' ', 1)[0]}"


@lru_cache(maxsize=1024)
def epoch_s(amz_date: str) -> int | None:
    if not _AMZ_DATE.fullmatch(amz_date):
        return None
    try:
        # Not strptime: its first use imports calendars and compiles patterns for every locale.
        return int(datetime.fromisoformat(amz_date).timestamp())
    except ValueError:
        return None


def amz_date(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y%m%dT%H%M%SZ")


def date_of(headers: dict[str, str]) -> str:
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
    return "" if moment is None else amz_date(moment * 1000)


def check_skew(signed_at: str, now_ms: int, target: Target) -> None:
    moment = epoch_s(signed_at)
    if moment is None:
        told = (
            "Date must be in ISO-8601 'basic format'. "
            f"Got '{signed_at}'. See http://en.wikipedia.org/wiki/ISO_8601"
        )
        raise auth_errors.incomplete(target, told)
    if abs(now_ms - moment * 1000) > SKEW_MINUTES * 60_000:
        raise auth_errors.skewed(target, signed_at, amz_date(now_ms), minutes=SKEW_MINUTES)


def check_presign_time(signed_at: str, expires: str, now_ms: int, target: Target) -> None:
    moment = epoch_s(signed_at)
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
        raise auth_errors.skewed(target, signed_at, amz_date(now_ms), minutes=SKEW_MINUTES)
    if (moment + seconds) * 1000 < now_ms:
        end = datetime.fromtimestamp(moment + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        now = datetime.fromtimestamp(now_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        fields = {"X-Amz-Expires": expires, "Expires": end, "ServerTime": now}
        raise auth_errors.expired_request(target, fields)


def check_scope(claim: Claim, signed_at: str, target: Target) -> None:
    if claim.date != signed_at[:8]:
        told = (
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
            f"HTTP: '{claim.date}' != '{signed_at[:8]}', from '{signed_at}'."
        )
        raise auth_errors.mismatch(target, told)


def check_signed_headers(claim: Claim, request: HttpRequest, target: Target) -> None:
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
