"""Bodies that are checked while they stream: plain with a hash, and ``aws-chunked``.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html,
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator

import msgspec

from pileus.protocols import auth_errors
from pileus.protocols.http import HttpRequest
from pileus.protocols.sigv4 import EMPTY_SHA256, UNSIGNED_PAYLOAD, Verified
from pileus.protocols.targets import Target
from pileus.values.body import Body
from pileus.values.checksums import ALGORITHMS, Checksum, checksum, encoded
from pileus.values.errors import ServiceError

_LINE_BYTES_MAX = 4096
_TRAILERS_BYTES_MAX = 16 * 1024
_CHECKSUM_PREFIX = "x-amz-checksum-"
_MODES = {
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": (True, False),
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": (True, True),
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER": (False, True),
}


def opened(request: HttpRequest, target: Target, verified: Verified | None) -> HttpRequest:
    """The request with a body that yields the decoded bytes and raises where they are not right.

    ``aws-chunked`` leaves ``Content-Encoding``; a checksum announced as a trailer is told by
    ``x-amz-sdk-checksum-algorithm``, so that it reaches the operation as ``ChecksumAlgorithm``.

    Raises:
        ServiceError: for a payload mode this house does not know, or a missing length.
    """
    headers = request.headers
    payload = verified.payload if verified else headers.get("x-amz-content-sha256", "")
    if payload.startswith("STREAMING-"):
        return _opened_chunked(request, target, payload, verified)
    if payload and payload != UNSIGNED_PAYLOAD:
        return request.changed(body=HashedBody(request.body, payload))
    return request


def _opened_chunked(
    request: HttpRequest, target: Target, payload: str, verified: Verified | None
) -> HttpRequest:
    mode = _MODES.get(payload)
    if mode is None:
        raise ServiceError(
            "NotImplemented", f"Pileus does not read payloads of kind {payload} yet.", status=501
        )
    headers = dict(request.headers)
    length = headers.get("x-amz-decoded-content-length", "")
    if not length.isdecimal():
        raise ServiceError(
            "MissingContentLength", "You must provide the Content-Length HTTP header.", status=411
        )
    is_signed, has_trailers = mode
    announced = tuple(
        name.strip().lower() for name in headers.get("x-amz-trailer", "").split(",") if name.strip()
    )
    body = ChunkedBody(
        request.body,
        int(length),
        _ChunkSigner(verified, target) if is_signed and verified is not None else None,
        announced if has_trailers else (),
    )
    for name in announced:
        algorithm = name.removeprefix(_CHECKSUM_PREFIX).upper()
        if algorithm in ALGORITHMS:
            headers.setdefault("x-amz-sdk-checksum-algorithm", algorithm)
    codings = [each.strip() for each in headers.pop("content-encoding", "").split(",")]
    kept = [each for each in codings if each and each != "aws-chunked"]
    if kept:
        headers["content-encoding"] = ",".join(kept)
    headers["content-length"] = length
    return request.changed(headers=headers, body=body)


class _CheckedBody:
    """Common part: read once, whole or in pieces."""

    size_bytes: int | None

    def __aiter__(self) -> AsyncIterator[bytes]:
        raise NotImplementedError

    async def read(self, limit_bytes: int | None = None) -> bytes:
        """All bytes at once; ValueError past ``limit_bytes``."""
        parts, total = [], 0
        async for piece in self:
            total += len(piece)
            if limit_bytes is not None and total > limit_bytes:
                raise ValueError(f"body exceeds {limit_bytes} bytes")
            parts.append(piece)
        return b"".join(parts)


class HashedBody(_CheckedBody):
    """A body whose SHA-256 was declared; raises XAmzContentSHA256Mismatch at its end."""

    __slots__ = ("_body", "_declared", "size_bytes")

    def __init__(self, body: Body, declared: str) -> None:
        self._body = body
        self._declared = declared
        self.size_bytes = body.size_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        found = hashlib.sha256()
        held = b""
        async for piece in self._body:
            if held:
                yield held
            found.update(piece)
            held = piece
        self._check(found.hexdigest())
        if held:
            yield held

    async def read(self, limit_bytes: int | None = None) -> bytes:
        """All bytes at once; ValueError past ``limit_bytes``."""
        raw = await self._body.read(limit_bytes)
        self._check(hashlib.sha256(raw).hexdigest())
        return raw

    def _check(self, found: str) -> None:
        if found != self._declared:
            raise ServiceError(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
                fields={
                    "ClientComputedContentSHA256": self._declared,
                    "S3ComputedContentSHA256": found,
                },
            )


class _ChunkSigner(msgspec.Struct):
    """Checks each chunk's signature against the one before it."""

    verified: Verified
    target: Target
    last: str = ""

    def check_chunk(self, signature: str, chunk_sha256: str) -> None:
        text = f"{EMPTY_SHA256}\n{chunk_sha256}"
        self._check("AWS4-HMAC-SHA256-PAYLOAD", signature, text)

    def check_trailers(self, signature: str, trailers: bytes) -> None:
        self._check("AWS4-HMAC-SHA256-TRAILER", signature, hashlib.sha256(trailers).hexdigest())

    def _check(self, kind: str, signature: str, text: str) -> None:
        verified = self.verified
        previous = self.last or verified.signature
        to_sign = f"{kind}\n{verified.signed_at}\n{verified.scope}\n{previous}\n{text}"
        found = hmac.digest(verified.signing_key, to_sign.encode(), "sha256").hex()
        if not hmac.compare_digest(found.encode(), signature.encode()):
            raise auth_errors.mismatch(self.target)
        self.last = signature


class ChunkedBody(_CheckedBody):
    """The decoded bytes of an ``aws-chunked`` body.

    Attributes:
        size_bytes: the declared length after decoding.
        trailers: complete once the body is read to its end.
    """

    __slots__ = ("_announced", "_body", "_buffer", "_signer", "_source", "size_bytes", "trailers")

    def __init__(
        self,
        body: Body,
        size_bytes: int,
        signer: _ChunkSigner | None,
        announced: tuple[str, ...],
    ) -> None:
        self._body = body
        self._source: AsyncIterator[bytes] = aiter(body)
        self._buffer = bytearray()
        self._signer = signer
        self._announced = announced
        self.size_bytes: int | None = size_bytes
        self.trailers: dict[str, str] = {}

    async def __aiter__(self) -> AsyncIterator[bytes]:
        sums = {
            name: checksum(name.removeprefix(_CHECKSUM_PREFIX))
            for name in self._announced
            if name.removeprefix(_CHECKSUM_PREFIX).upper() in ALGORITHMS
        }
        total = 0
        while True:
            size, signature = _chunk_head(await self._line())
            digest = hashlib.sha256()
            left = size
            while left:
                piece = await self._take(left)
                left -= len(piece)
                total += len(piece)
                digest.update(piece)
                for each in sums.values():
                    each.update(piece)
                yield piece
            if self._signer is not None:
                self._signer.check_chunk(signature, digest.hexdigest())
            if size == 0:
                break
            if await self._line():
                raise _incomplete()
        await self._read_trailers()
        if total != self.size_bytes:
            raise _incomplete()
        self._check_sums(sums)

    async def _line(self) -> bytes:
        """The next line without its end; IncompleteBody when the stream ends before it."""
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > _LINE_BYTES_MAX or not await self._more():
                raise _incomplete()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    async def _take(self, most: int) -> bytes:
        if not self._buffer and not await self._more():
            raise _incomplete()
        piece = bytes(self._buffer[:most])
        del self._buffer[:most]
        return piece

    async def _more(self) -> bool:
        piece = await anext(self._source, b"")
        self._buffer += piece
        return bool(piece)

    async def _read_trailers(self) -> None:
        while await self._more():
            if len(self._buffer) > _TRAILERS_BYTES_MAX:
                raise _malformed_trailer()
        signed = bytearray()
        signature = ""
        for line in bytes(self._buffer).split(b"\r\n"):
            text = line.strip().decode("latin-1")
            name, colon, value = text.partition(":")
            if not text:
                continue
            if not colon:
                raise _malformed_trailer()
            if name.lower() == "x-amz-trailer-signature":
                signature = value.strip()
                continue
            self.trailers[name.strip().lower()] = value.strip()
            signed += f"{name.strip().lower()}:{value.strip()}\n".encode("latin-1")
        if any(name not in self.trailers for name in self._announced):
            raise _malformed_trailer()
        if self._signer is not None and self._announced:
            self._signer.check_trailers(signature, bytes(signed))

    def _check_sums(self, sums: dict[str, Checksum]) -> None:
        for name, found in sums.items():
            if self.trailers[name] != encoded(found):
                algorithm = name.removeprefix(_CHECKSUM_PREFIX).upper()
                raise ServiceError(
                    "BadDigest",
                    f"The {algorithm} you specified did not match the calculated checksum.",
                )


def _chunk_head(line: bytes) -> tuple[int, str]:
    """``1000;chunk-signature=…`` in parts."""
    size, _, rest = line.partition(b";")
    try:
        number = int(size, 16)
    except ValueError as problem:
        raise _incomplete() from problem
    return number, rest.strip().removeprefix(b"chunk-signature=").decode("latin-1")


def _incomplete() -> ServiceError:
    return ServiceError(
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    )


def _malformed_trailer() -> ServiceError:
    return ServiceError(
        "MalformedTrailerError",
        "The request contained trailing data that was not well-formed or did not conform to our "
        "published schema.",
    )
