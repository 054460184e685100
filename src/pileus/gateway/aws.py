"""From an HTTP request to a call through the door, and back."""

from __future__ import annotations

import errno
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from pileus.gateway import bucket_cors, origins
from pileus.kernel.rooms import BodyLimit
from pileus.ports.chance import Chance
from pileus.ports.clock import Clock
from pileus.protocols import auth_errors
from pileus.protocols.aws_chunked import opened
from pileus.protocols.codec import (
    BODY_BYTES_MAX,
    Codec,
    codec_for,
    encode_error,
    plain_body,
    read_bounded,
)
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.protocols.router import is_form, route
from pileus.protocols.sigv4 import Lookup, Verified, Verifier
from pileus.protocols.targets import Target, Unroutable
from pileus.values.body import Body, BytesBody
from pileus.values.context import DEFAULT_ACCOUNT, DEFAULT_REGION, CallContext, Principal
from pileus.values.errors import ServiceError, StoreUnavailable, no_service

logger = logging.getLogger("pileus.gateway")

ANONYMOUS = Principal("anonymous", "")
"""Who calls when nobody signed."""


class Reply(Protocol):
    """What the door gives back (``kernel.operations.Reply``)."""

    @property
    def output(self) -> Mapping[str, Any]: ...

    @property
    def body(self) -> Body | None: ...

    @property
    def status(self) -> int | None: ...


class Invoke(Protocol):
    """The door (``Kernel.invoke``)."""

    def __call__(
        self,
        context: CallContext,
        service: str,
        operation: str,
        input: Mapping[str, Any],
        body: Body | None,
        /,
    ) -> Awaitable[Reply]: ...


class AwsFront:
    """The AWS APIs as an app: route, authenticate, decode, invoke, encode.

    Args:
        lookup: access key and session token → Credential.
        serves: whether the house has a service at all; calls of others are refused by name, before
            their signature and their input are looked at.
        account: the account anonymous calls act in.
        body_limit: service, operation → how large a body is read into memory; None is as of others.
    """

    def __init__(
        self,
        invoke: Invoke,
        lookup: Lookup,
        clock: Clock,
        chance: Chance,
        *,
        serves: Callable[[str], bool] = bool,
        account: str = DEFAULT_ACCOUNT,
        region: str = DEFAULT_REGION,
        body_limit: Callable[[str, str], BodyLimit | None] = lambda _service, _operation: None,
    ) -> None:
        self._invoke = invoke
        self._verifier = Verifier(lookup)
        self._clock = clock
        self._ids = _HexDigits(chance)
        self._serves = serves
        self._account = account
        self._region = region
        self._body_limit = body_limit

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request; never raises but for cancellation."""
        origin = request.headers.get("origin")
        if request.method == "OPTIONS":
            return await self._preflight(request, origin)
        target = Target("", "", "rest-json", method=request.method)
        request_id = ""
        asker = _Asker(self._account)
        try:
            raw = None
            if is_form(request):
                raw = await read_bounded(request.body, BODY_BYTES_MAX)
            target = route(request, raw or b"")
            request.outlives_client = (target.service, target.operation) in _CARRIED_TO_THE_END
            request_id = self._request_id(target)
            response = await self._call(request, target, raw, request_id, asker)
        except Unroutable as error:
            target = error.target
            response = encode_error(target, error, request_id or self._request_id(target))
        except ServiceError as error:
            response = encode_error(target, error, request_id or self._request_id(target))
        except Exception as problem:
            request_id = request_id or self._request_id(target)
            what = f"request {request_id} ({target.service}:{target.operation})"
            if isinstance(problem, StoreUnavailable) or _is_disk_full(problem):
                logger.error("%s: %s", what, problem)
                response = encode_error(target, _unavailable(target, problem), request_id)
            else:
                logger.error("%s failed", what, exc_info=problem)
                response = encode_error(target, _internal(target), request_id)
        if origin is not None:
            origins.allow(response, request, origin)
            bucket = target.labels.get("Bucket")
            if bucket and not origins.is_own(request, origin):
                question = bucket_cors.question_of(request, origin, request.method)
                rules, _ = await self._cors_rules(bucket, asker.account, request_id)
                response.headers += bucket_cors.answer(rules, question) or ()
        return response

    async def _preflight(self, request: HttpRequest, origin: str | None) -> HttpResponse:
        """The answer to a browser that asks before it calls: of ourselves, or of a bucket."""
        if origin is not None and origins.is_own(request, origin):
            return origins.preflight(request, origin)
        try:
            target = route(request.changed(method="GET"), b"")
        except Unroutable as error:
            target = error.target
        target.method = request.method
        bucket = target.labels.get("Bucket")
        request_id = self._request_id(target)
        if target.service == "s3" and origin is None:
            return encode_error(target, bucket_cors.no_origin(), request_id)
        if not bucket or origin is None:
            return origins.refusal()
        method = request.headers.get("access-control-request-method", "")
        question = bucket_cors.question_of(request, origin, method)
        rules, missing = await self._cors_rules(bucket, self._account, request_id)
        headers = bucket_cors.answer(rules, question)
        if headers is None:
            refusal = bucket_cors.refusal(missing, question, is_object="Key" in target.labels)
            return encode_error(target, refusal, request_id)
        return HttpResponse(200, headers)

    async def _cors_rules(
        self, bucket: str, account: str, request_id: str
    ) -> tuple[Sequence[Mapping[str, Any]], str]:
        """A bucket's rules; where it has none, why (an error code of S3's)."""
        principal = Principal.service("s3.amazonaws.com", account)
        context = CallContext(account, self._region, principal, request_id)
        try:
            reply = await self._invoke(context, "s3", "GetBucketCors", {"Bucket": bucket}, None)
        except ServiceError as error:
            if error.code in ("NoSuchBucket", "NoSuchCORSConfiguration"):
                return (), error.code
            raise
        return reply.output.get("CORSRules", ()), ""

    async def _call(
        self,
        request: HttpRequest,
        target: Target,
        raw: bytes | None,
        request_id: str,
        asker: _Asker,
    ) -> HttpResponse:
        if not self._serves(target.service):
            raise no_service(target.service)
        codec = codec_for(target.service, target.operation, target.protocol)
        is_s3 = target.service == "s3"
        if is_s3 and raw is not None:
            request = request.changed(body=BytesBody(raw))
            raw = None
        is_open = _is_signed_as_empty(target, request)
        if raw is None and not (is_s3 or is_open or _declares_hash(codec, request)):
            raw = await self._whole_body(request, target)
        signed = b"" if is_open else raw
        verified = self._verifier.verify(request, target, signed, self._clock.now_ms())
        context = self._context(request, target, codec, verified, request_id)
        asker.account = context.account
        body: Body | None = None
        if raw is None:
            if not is_open:
                request = opened(request, target, verified)
            if codec.streams_input:
                body = request.body
            else:
                raw = await self._whole_body(request, target)
        elif codec.streams_input:
            body, raw = BytesBody(raw), None
        if raw and "content-encoding" in request.headers:
            raw = plain_body(target, request, raw, BODY_BYTES_MAX)
        given = codec.parse(request, target.labels, raw or b"")
        reply = await self._invoke(context, target.service, target.operation, given, body)
        response = codec.render(reply.output, reply.body, request_id, reply.status)
        if target.method == "HEAD":
            response.body = b""
        return response

    async def _whole_body(self, request: HttpRequest, target: Target) -> bytes:
        limit = self._body_limit(target.service, target.operation)
        if limit is None:
            return await read_bounded(request.body, BODY_BYTES_MAX)
        try:
            return await read_bounded(request.body, limit.bytes_max)
        except ServiceError:
            raise limit.refusal from None

    def _context(
        self,
        request: HttpRequest,
        target: Target,
        codec: Codec,
        verified: Verified | None,
        request_id: str,
    ) -> CallContext:
        principal, account, region = ANONYMOUS, self._account, self._region
        if verified is not None:
            credential = verified.credential
            if credential.is_loopback_only and not request.is_loopback:
                raise auth_errors.unknown_key(target, verified.access_key)
            principal, account = credential.principal, credential.principal.account
            region = verified.region
        elif target.service != "s3" and codec.operation.auth_type != "none":
            raise auth_errors.missing(target)
        elif not origins.may_be_unsigned(request):
            # A page from elsewhere may reach a loopback port; unsigned it gets nothing.
            raise auth_errors.missing(target)
        host = request.headers.get("host", "127.0.0.1")
        return CallContext(
            account=account,
            region=region,
            principal=principal,
            request_id=request_id,
            trace=request.headers.get("x-amzn-trace-id", ""),
            endpoint=f"{request.scheme}://{host}",
        )

    def _request_id(self, target: Target) -> str:
        if target.service == "s3":
            return self._ids.take(16).upper()
        raw = self._ids.take(32)
        # The form of a version 4 UUID (RFC 9562).
        return f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-{_VARIANTS[raw[16]]}{raw[17:20]}-{raw[20:]}"


_CARRIED_TO_THE_END = frozenset({("lambda", "Invoke")})
"""Calls that AWS does not break off when their client goes away."""
_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class _Asker(msgspec.Struct):
    """Whose account a request acts in, known once its signature is."""

    account: str


class _HexDigits:
    """Random hex digits, drawn in large pieces: one draw is a system call."""

    __slots__ = ("_at", "_chance", "_digits")

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._digits = ""
        self._at = 0

    def take(self, count: int) -> str:
        at = self._at
        if at + count > len(self._digits):
            self._digits, at = self._chance.random_bytes(1024).hex(), 0
        self._at = at + count
        return self._digits[at : at + count]


def _declares_hash(codec: Codec, request: HttpRequest) -> bool:
    """Whether a streamed body can be checked without holding it."""
    return codec.streams_input and "x-amz-content-sha256" in request.headers


def _is_signed_as_empty(target: Target, request: HttpRequest) -> bool:
    """Whether the signature takes the body for an empty one: so Kinesis Video's producers sign media that
    have no end yet."""
    is_put_media = (target.service, target.operation) == ("kinesis-video-media", "PutMedia")
    return is_put_media and "x-amz-content-sha256" not in request.headers


def _internal(target: Target) -> ServiceError:
    if target.service == "s3":
        return ServiceError(
            "InternalError", "We encountered an internal error. Please try again.", status=500
        )
    return ServiceError(
        "InternalFailure",
        "The request processing has failed because of an internal error.",
        status=500,
    )


def _is_disk_full(problem: Exception) -> bool:
    return isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT)


def _unavailable(target: Target, problem: Exception) -> ServiceError:
    """AWS's sentence, and why it is so here: the caller's own disk."""
    sentence = "The request has failed due to a temporary failure of the server."
    if target.service == "s3":
        sentence = "Service is unable to handle request."
    return ServiceError("ServiceUnavailable", f"{sentence} ({problem})", status=503)
