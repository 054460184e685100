"""Objects: what is put is what is got."""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pileus.services.s3 import ranges
from pileus.services.s3.limits import Limits
from pileus.services.s3.operations import writing_operations
from pileus.values.errors import ServiceError
from tests.services.s3.support import LARGE, S3, refused


def _md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("body", [b"", b"hello", b"x" * 16_384, b"x" * 16_385, LARGE])
async def test_put_and_get(s3: S3, body: bytes) -> None:
    put = await s3.put("a/b c", body, Metadata={"Colour": "red"}, ContentType="text/plain")
    assert put == {"ETag": f'"{_md5(body)}"', "ServerSideEncryption": "AES256"}
    assert await s3.get("a/b c") == body
    head = await s3("HeadObject", Key="a/b c")
    assert head["ContentLength"] == len(body)
    assert head["ContentType"] == "text/plain"
    assert head["Metadata"] == {"colour": "red"}
    assert "VersionId" not in head
    assert "StorageClass" not in head


async def test_headers_are_kept_and_overridden(s3: S3) -> None:
    kept = {
        "CacheControl": "no-store",
        "ContentDisposition": "attachment",
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "Expires": "Thu, 01 Dec 2030 16:00:00 GMT",
        "WebsiteRedirectLocation": "/there",
        "StorageClass": "STANDARD_IA",
    }
    await s3.put("k", **kept)
    head = await s3("HeadObject", Key="k")
    assert {name: head[name] for name in kept} == kept
    assert head["ContentType"] == "binary/octet-stream"
    got = await s3("GetObject", Key="k", ResponseContentType="image/png")
    assert got["ContentType"] == "image/png"


async def test_overwriting_and_deleting_leave_no_blobs(s3: S3) -> None:
    await s3.put("k", LARGE)
    await s3.put("k", LARGE + b"2")
    assert await s3.blobs() == 1
    await s3("DeleteObject", Key="k")
    assert await s3.blobs() == 0
    with refused("NoSuchKey", 404) as caught:
        await s3("GetObject", Key="k")
    assert caught.value.fields == {"Key": "k"}


async def test_an_object_is_read_to_its_end_although_it_is_replaced(s3: S3) -> None:
    await s3.put("k", LARGE)
    reply = await s3.reply("GetObject", Key="k")
    await s3("DeleteObject", Key="k")
    assert await s3.blobs() == 1
    assert reply.body is not None
    assert await reply.body.read() == LARGE
    del reply
    assert await s3.blobs() == 0


@pytest.mark.parametrize("size", [5, 50_000])
@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=1-3", 1, 4),
        ("bytes=2-", 2, None),
        ("bytes=-2", -2, None),
        ("bytes=-99999999", 0, None),
        ("bytes=0-99999999", 0, None),
    ],
)
async def test_ranges(s3: S3, size: int, header: str, start: int, stop: int | None) -> None:
    body = (b"0123456789" * 5000)[:size]
    await s3.put("k", body)
    reply = await s3.reply("GetObject", Key="k", Range=header)
    assert reply.body is not None
    wanted = body[start:stop]
    assert await reply.body.read() == wanted
    assert reply.status == 206
    first = start % size if start < 0 else start
    last = first + len(wanted) - 1
    assert reply.output["ContentRange"] == f"bytes {first}-{last}/{size}"
    assert reply.output["ContentLength"] == len(wanted)


@pytest.mark.parametrize("header", ["bytes=3-1", "bytes=0-1,3-4", "lines=1-2", "bytes=-", "what"])
async def test_ranges_that_are_ignored(s3: S3, header: str) -> None:
    await s3.put("k", b"hello")
    reply = await s3.reply("GetObject", Key="k", Range=header)
    assert reply.status is None
    assert reply.output["ContentLength"] == 5


@pytest.mark.parametrize("header", ["bytes=5-", "bytes=-0", "bytes=7-9"])
async def test_ranges_beyond_the_end(s3: S3, header: str) -> None:
    await s3.put("k", b"hello")
    with refused("InvalidRange", 416) as caught:
        await s3("GetObject", Key="k", Range=header)
    assert caught.value.fields == {"RangeRequested": header, "ActualObjectSize": 5}
    assert caught.value.headers["Content-Range"] == "bytes */5"


@given(first=st.integers(0, 30), last=st.integers(0, 30), size=st.integers(1, 20))
@settings(max_examples=200)
def test_a_range_is_a_slice(first: int, last: int, size: int) -> None:
    body = bytes(range(size))
    try:
        found = ranges.of_header(f"bytes={first}-{last}", size)
    except ServiceError:
        assert first >= size
        return
    if found is None:
        assert last < first
    else:
        assert body[slice(*found)] == body[first : last + 1] != b""


@pytest.mark.parametrize("body", [b"x", LARGE])
async def test_a_redelivered_put_happens_once(s3: S3, body: bytes) -> None:
    await s3("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"})
    kernel, context = s3.platform.kernel, replace(s3.platform.context, delivery_id="d")
    request = {"Bucket": "bucket", "Key": "k", "Body": body}
    answers = [
        await s3.platform.clock.run(kernel.invoke(context, "s3", "PutObject", request))
        for _ in range(2)
    ]
    assert answers[0].output == answers[1].output
    assert len((await s3("ListObjectVersions"))["Versions"]) == 1
    assert await s3.blobs() == (len(body) > 16_384)


async def test_content_md5(s3: S3) -> None:
    good = base64.b64encode(hashlib.md5(b"x", usedforsecurity=False).digest()).decode()
    await s3.put("k", b"x", ContentMD5=good)
    with refused("BadDigest") as caught:
        await s3.put("k", b"y", ContentMD5=good)
    assert caught.value.fields["ExpectedDigest"] == good
    with refused("InvalidDigest"):
        await s3.put("k", b"y", ContentMD5="bad")
    assert await s3.get("k") == b"x"


@pytest.mark.parametrize("body", [b"hello", LARGE])
async def test_checksums(s3: S3, body: bytes) -> None:
    good = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    put = await s3.put("k", body, ChecksumCRC32=good)
    assert (put["ChecksumCRC32"], put["ChecksumType"]) == (good, "FULL_OBJECT")
    assert "ChecksumCRC32" not in await s3("HeadObject", Key="k")
    head = await s3("HeadObject", Key="k", ChecksumMode="ENABLED")
    assert head["ChecksumCRC32"] == good
    part = await s3("GetObject", Key="k", ChecksumMode="ENABLED", Range="bytes=0-1")
    assert "ChecksumCRC32" not in part
    with refused("BadDigest"):
        await s3.put("k", body + b"!", ChecksumCRC32=good)
    assert await s3.get("k") == body
    assert await s3.blobs() == (len(body) > 16_384)


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
async def test_a_checksum_that_is_only_named_is_computed(s3: S3, algorithm: str) -> None:
    put = await s3.put("k", b"hello", ChecksumAlgorithm=algorithm)
    again = await s3.put("k2", b"hello", **{f"Checksum{algorithm}": put[f"Checksum{algorithm}"]})
    assert again["ChecksumType"] == "FULL_OBJECT"


async def test_checksums_that_make_no_sense(s3: S3) -> None:
    with refused("InvalidRequest") as caught:
        await s3.put("k", ChecksumCRC32="AAAA")
    assert "x-amz-checksum-crc32 header is invalid" in caught.value.message
    with refused("InvalidRequest"):
        await s3.put("k", ChecksumCRC32="AAAAAA==", ChecksumCRC32C="AAAAAA==")
    with refused("NotImplemented", 501):
        await s3.put("k", ChecksumXXHASH64="AAAAAA==")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"Key": "k" * 1025}, "KeyTooLongError"),
        ({"Key": "ü" * 513}, "KeyTooLongError"),
        ({"Key": "k", "Metadata": {"a": "b" * 2048}}, "MetadataTooLarge"),
        ({"Key": "k", "StorageClass": "CHEAP"}, "InvalidStorageClass"),
        ({"Key": "k", "ACL": "public-read"}, "AccessControlListNotSupported"),
        ({"Key": "k", "ServerSideEncryption": "rot13"}, "InvalidArgument"),
        ({"Key": "k", "SSEKMSKeyId": "key"}, "InvalidArgument"),
        ({"Key": "k", "Tagging": "a=1&a=2"}, "InvalidArgument"),
        ({"Key": "k", "Tagging": "aws:x=1"}, "InvalidTag"),
        ({"Key": "k", "Tagging": "&".join(f"k{n}=v" for n in range(11))}, "BadRequest"),
    ],
)
async def test_puts_that_are_refused(s3: S3, given: dict[str, Any], code: str) -> None:
    with refused(code):
        await s3("PutObject", b"x", **given)


@pytest.mark.parametrize(
    "given", [{"ObjectLockMode": "GOVERNANCE"}, {"SSECustomerAlgorithm": "AES256"}]
)
async def test_what_is_not_here_is_refused_by_name(s3: S3, given: dict[str, Any]) -> None:
    with refused("NotImplemented", 501):
        await s3.put("k", **given)


async def test_the_largest_key_is_taken(s3: S3) -> None:
    key = "ü" * 512
    await s3.put(key)
    assert await s3.keys() == [key]


async def test_too_large_a_body_is_refused(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing_operations, "LIMITS", Limits(object_bytes_max=50_000))
    with refused("EntityTooLarge"):
        await s3.put("k", b"x" * 50_001)
    assert await s3.blobs() == 0


async def test_many_are_deleted_in_one_call(s3: S3) -> None:
    for key in ("a", "b", "c"):
        await s3.put(key)
    wanted = [{"Key": "a"}, {"Key": "b"}, {"Key": "none"}, {"Key": "c", "VersionId": "what"}]
    output = await s3("DeleteObjects", Delete={"Objects": wanted})
    assert [row["Key"] for row in output["Deleted"]] == ["a", "b", "none"]
    assert output["Errors"][0]["Code"] == "NoSuchVersion"
    assert await s3.keys() == ["c"]
    quiet = await s3("DeleteObjects", Delete={"Objects": [{"Key": "c"}], "Quiet": True})
    assert quiet == {}
    with refused("MalformedXML"):
        await s3("DeleteObjects", Delete={"Objects": [{"Key": "k"}] * 1001})


async def test_tags(s3: S3) -> None:
    await s3.put("k", Tagging="colour=red&size=")
    assert (await s3("HeadObject", Key="k"))["TagCount"] == 2
    tags = (await s3("GetObjectTagging", Key="k"))["TagSet"]
    assert tags == [{"Key": "colour", "Value": "red"}, {"Key": "size", "Value": ""}]
    await s3("PutObjectTagging", Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert (await s3("GetObjectTagging", Key="k"))["TagSet"] == [{"Key": "a", "Value": "b"}]
    await s3("DeleteObjectTagging", Key="k")
    assert (await s3("GetObjectTagging", Key="k"))["TagSet"] == []
    assert await s3.get("k") == b"x"


async def test_attributes(s3: S3) -> None:
    put = await s3.put("k", b"hello", ChecksumAlgorithm="SHA256")
    wanted = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    found = await s3("GetObjectAttributes", Key="k", ObjectAttributes=wanted)
    assert found["ETag"] == put["ETag"].strip('"')
    assert found["ObjectSize"] == 5
    assert found["StorageClass"] == "STANDARD"
    assert found["Checksum"]["ChecksumSHA256"] == put["ChecksumSHA256"]
    assert "ObjectParts" not in found
