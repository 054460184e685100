"""Bodies in aws-chunked coding, built here by the rules of AWS's documentation."""

from __future__ import annotations

import base64
import hashlib
import hmac
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pileus.kernel.credentials import Credential
from pileus.protocols.aws_chunked import opened
from pileus.protocols.http import HttpRequest
from pileus.protocols.sigv4 import Verified
from pileus.protocols.targets import Target
from pileus.values.body import BytesBody, StreamBody
from pileus.values.checksums import checksum, encoded
from pileus.values.context import Principal
from pileus.values.errors import ServiceError

KEY = b"signing key"
SEED = "ab" * 32
SCOPE = "20261121/us-east-1/s3/aws4_request"
AT = "20261121T100000Z"
EMPTY = hashlib.sha256(b"").hexdigest()
TARGET = Target("s3", "PutObject", "rest-xml")


def verified(payload: str) -> Verified:
    credential = Credential("k", "s", Principal.root("000000000000"))
    return Verified(credential, "A", "us-east-1", payload, SEED, KEY, AT, SCOPE)


def sign(kind: str, previous: str, text: str) -> str:
    to_sign = f"{kind}\n{AT}\n{SCOPE}\n{previous}\n{text}"
    return hmac.new(KEY, to_sign.encode(), "sha256").hexdigest()


def signed_chunks(chunks: list[bytes], trailers: dict[str, str] | None = None) -> bytes:
    out, previous = b"", SEED
    for chunk in [*chunks, b""]:
        text = f"{EMPTY}\n{hashlib.sha256(chunk).hexdigest()}"
        previous = sign("AWS4-HMAC-SHA256-PAYLOAD", previous, text)
        out += f"{len(chunk):x};chunk-signature={previous}\r\n".encode()
        out += chunk + b"\r\n" if chunk else b""
    if trailers is None:
        return out + b"\r\n"
    lines = "".join(f"{name}:{value}\n" for name, value in trailers.items())
    last = sign("AWS4-HMAC-SHA256-TRAILER", previous, hashlib.sha256(lines.encode()).hexdigest())
    out += "".join(f"{name}:{value}\r\n" for name, value in trailers.items()).encode()
    return out + f"x-amz-trailer-signature:{last}\r\n\r\n".encode()


def plain_chunks(chunks: list[bytes], trailers: dict[str, str]) -> bytes:
    out = b"".join(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n" for chunk in chunks)
    out += b"0\r\n" + "".join(f"{k}:{v}\r\n" for k, v in trailers.items()).encode()
    return out + b"\r\n"


async def pieces_of(raw: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(raw), size):
        yield raw[at : at + size]


def request_of(raw: bytes, payload: str, length: int, **headers: str) -> HttpRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    given = {
        "content-encoding": "aws-chunked",
        "x-amz-content-sha256": payload,
        "x-amz-decoded-content-length": str(length),
        **named,
    }
    body: Any = StreamBody(pieces_of(raw, 7), len(raw))
    return HttpRequest("PUT", "/b/k", headers=given, body=body)


def crc32(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


async def test_signed_chunks() -> None:
    raw = signed_chunks([b"a" * 100, b"bcd"])
    kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    request = opened(request_of(raw, kind, 103), TARGET, verified(kind))
    assert request.body.size_bytes == 103
    assert await request.body.read() == b"a" * 100 + b"bcd"
    assert "content-encoding" not in request.headers


async def test_a_changed_chunk_is_refused() -> None:
    raw = signed_chunks([b"a" * 100]).replace(b"aaaa", b"aaab", 1)
    kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    request = opened(request_of(raw, kind, 100), TARGET, verified(kind))
    with pytest.raises(ServiceError) as raised:
        await request.body.read()
    assert raised.value.code == "SignatureDoesNotMatch"


async def test_a_signature_that_is_no_hex_is_refused() -> None:
    kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    raw = b"1;chunk-signature=\xfc\r\nx\r\n"
    with pytest.raises(ServiceError) as raised:
        await opened(request_of(raw, kind, 1), TARGET, verified(kind)).body.read()
    assert raised.value.code == "SignatureDoesNotMatch"


async def test_a_left_out_chunk_is_refused() -> None:
    whole = signed_chunks([b"first", b"second"])
    kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    without_first = whole[whole.index(b"6;chunk") :]
    request = opened(request_of(without_first, kind, 6), TARGET, verified(kind))
    with pytest.raises(ServiceError):
        await request.body.read()


@pytest.mark.parametrize("change", ["none", "trailer", "signature"])
async def test_signed_trailers(change: str) -> None:
    raw = signed_chunks([b"hello"], {"x-amz-checksum-crc32": crc32(b"hello")})
    if change == "trailer":
        raw = raw.replace(crc32(b"hello").encode(), crc32(b"other").encode())
    if change == "signature":
        raw = raw[:-6] + b"00\r\n\r\n"
    kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
    given = request_of(raw, kind, 5, x_amz_trailer="x-amz-checksum-crc32")
    request = opened(given, TARGET, verified(kind))
    assert request.headers["x-amz-sdk-checksum-algorithm"] == "CRC32"
    if change == "none":
        assert await request.body.read() == b"hello"
    else:
        with pytest.raises(ServiceError):
            await request.body.read()


@pytest.mark.parametrize("algorithm", ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"])
@pytest.mark.parametrize("is_right", [True, False])
async def test_unsigned_trailers_are_checked(algorithm: str, is_right: bool) -> None:
    data = b"some data" * 9
    found = checksum(algorithm)
    found.update(data if is_right else b"other")
    name = f"x-amz-checksum-{algorithm}"
    raw = plain_chunks([data[:10], data[10:]], {name: encoded(found)})
    kind = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    given = request_of(
        raw, kind, len(data), x_amz_trailer=name, content_encoding="gzip,aws-chunked"
    )
    request = opened(given, TARGET, verified(kind))
    assert request.headers["content-encoding"] == "gzip"
    if is_right:
        assert await request.body.read() == data
        assert request.body.trailers == {name: encoded(found)}  # type: ignore[attr-defined]
    else:
        with pytest.raises(ServiceError) as raised:
            await request.body.read()
        assert raised.value.code == "BadDigest"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"5\r\nhel", "IncompleteBody"),
        (b"zz\r\nhello\r\n0\r\n\r\n", "IncompleteBody"),
        (b"5\r\nhelloX0\r\n\r\n", "IncompleteBody"),
        (b"3\r\nhel\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", "IncompleteBody"),
        (b"5\r\nhello\r\n0\r\n\r\n", "MalformedTrailerError"),
        (b"5\r\nhello\r\n0\r\nno colon\r\n\r\n", "MalformedTrailerError"),
        (b"5\r\nhello\r\n0\r\n" + b"a" * 20_000, "MalformedTrailerError"),
        (b"5" * 9000, "IncompleteBody"),
    ],
)
async def test_malformed_bodies(raw: bytes, code: str) -> None:
    kind = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    given = request_of(raw, kind, 5, x_amz_trailer="x-amz-checksum-crc32")
    with pytest.raises(ServiceError) as raised:
        await opened(given, TARGET, None).body.read()
    assert raised.value.code == code


async def test_a_declared_hash_is_checked_at_the_end() -> None:
    right = hashlib.sha256(b"hello").hexdigest()
    request = HttpRequest("PUT", "/b/k", body=BytesBody(b"hello"))
    assert await opened(request, TARGET, verified(right)).body.read() == b"hello"
    request = HttpRequest("PUT", "/b/k", body=BytesBody(b"hullo"))
    with pytest.raises(ServiceError) as raised:
        await opened(request, TARGET, verified(right)).body.read()
    assert raised.value.code == "XAmzContentSHA256Mismatch"


def test_unknown_modes_and_missing_lengths_are_told() -> None:
    with pytest.raises(ServiceError, match="STREAMING-AWS4-ECDSA"):
        opened(request_of(b"", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", 0), TARGET, None)
    request = HttpRequest(
        "PUT", "/", headers={"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}
    )
    with pytest.raises(ServiceError) as raised:
        opened(request, TARGET, None)
    assert raised.value.status == 411
