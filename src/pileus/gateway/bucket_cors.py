"""A bucket's CORS rules in effect: what pages from elsewhere may ask of it.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pileus.protocols.http import HttpRequest
from pileus.values.errors import ServiceError

Rules = Sequence[Mapping[str, Any]]
_VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"
_REASONS = {
    "NoSuchBucket": "CORSResponse: Bucket not found",
    "NoSuchCORSConfiguration": "CORSResponse: CORS is not enabled for this bucket.",
}
# S3's own spelling.
_NOT_ALLOWED = (
    "CORSResponse: This CORS request is not allowed. This is usually because the evalution of "
    "Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are "
    "not whitelisted by the resource's CORS spec."
)


@dataclass(frozen=True, slots=True)
class Question:
    """What a browser wants to know: may a page of ``origin`` send ``method`` with ``headers``?

    ``headers`` are names in lower case; ``method`` is empty where the browser did not say.
    """

    origin: str
    method: str
    headers: tuple[str, ...]


def question_of(request: HttpRequest, origin: str, method: str) -> Question:
    """The question a request asks."""
    wanted = request.headers.get("access-control-request-headers", "")
    names = (name.strip().lower() for name in wanted.split(","))
    return Question(origin, method, tuple(name for name in names if name))


def answer(rules: Rules, question: Question) -> list[tuple[str, str]] | None:
    """The headers of the first rule that allows it; None where none does."""
    for rule in rules:
        pattern = _first_match(rule["AllowedOrigins"], question.origin)
        if pattern is None or question.method not in rule["AllowedMethods"]:
            continue
        allowed = [each.lower() for each in rule.get("AllowedHeaders") or ()]
        if any(_first_match(allowed, name) is None for name in question.headers):
            continue
        return _headers(rule, question, is_for_all=pattern == "*")
    return None


def _headers(
    rule: Mapping[str, Any], question: Question, *, is_for_all: bool
) -> list[tuple[str, str]]:
    headers = [
        ("Access-Control-Allow-Origin", "*" if is_for_all else question.origin),
        ("Access-Control-Allow-Methods", ", ".join(rule["AllowedMethods"])),
    ]
    if question.headers:
        headers.append(("Access-Control-Allow-Headers", ", ".join(question.headers)))
    if rule.get("ExposeHeaders"):
        headers.append(("Access-Control-Expose-Headers", ", ".join(rule["ExposeHeaders"])))
    if rule.get("MaxAgeSeconds") is not None:
        headers.append(("Access-Control-Max-Age", str(rule["MaxAgeSeconds"])))
    if not is_for_all:
        headers.append(("Access-Control-Allow-Credentials", "true"))
    headers.append(("Vary", _VARY))
    return headers


def _first_match(patterns: Sequence[str], text: str) -> str | None:
    for pattern in patterns:
        start, star, end = pattern.partition("*")
        if pattern == text or (
            star
            and len(text) >= len(start) + len(end)
            and text.startswith(start)
            and text.endswith(end)
        ):
            return pattern
    return None


def no_origin() -> ServiceError:
    """A preflight without the one header it needs."""
    return ServiceError("BadRequest", "Insufficient information. Origin request header needed.")


def refusal(missing: str, question: Question, *, is_object: bool) -> ServiceError:
    """Why a preflight is refused; ``missing`` is S3's code where there are no rules."""
    kind = "OBJECT" if is_object and not missing else "BUCKET"
    return ServiceError(
        "AccessForbidden",
        _REASONS.get(missing, _NOT_ALLOWED),
        status=403,
        fields={"Method": question.method or "OPTIONS", "ResourceType": kind},
    )
