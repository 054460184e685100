"""Uploads in parts."""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.services.s3.checksums import of_parts
from pileus.services.s3.crc_combination import combine
from pileus.values.checksums import checksum, encoded
from tests.services.s3.support import LARGE, PART, S3, refused


async def _begin(s3: S3, **given: Any) -> dict[str, str]:
    output = await s3("CreateMultipartUpload", Key="k", **given)
    return {"Key": "k", "UploadId": output["UploadId"]}


async def _part(
    s3: S3, where: dict[str, str], number: int, body: bytes, **given: Any
) -> dict[str, Any]:
    output = await s3("UploadPart", body, PartNumber=number, **where, **given)
    told = {name: value for name, value in output.items() if name.startswith("Checksum")}
    return {"PartNumber": number, "ETag": output["ETag"], **told}


async def _complete(
    s3: S3, where: dict[str, str], parts: list[dict[str, Any]], **given: Any
) -> dict[str, Any]:
    return await s3("CompleteMultipartUpload", MultipartUpload={"Parts": parts}, **where, **given)


def _md5(body: bytes) -> bytes:
    return hashlib.md5(body, usedforsecurity=False).digest()


async def test_parts_become_an_object_without_moving(s3: S3) -> None:
    where = await _begin(s3, ContentType="video/x-matroska", Metadata={"a": "b"}, Tagging="t=1")
    parts = [await _part(s3, where, 1, PART), await _part(s3, where, 3, b"end")]
    await _part(s3, where, 7, LARGE)
    names = {info.name for info in await s3.platform.disks.blobs.list()}
    output = await _complete(s3, where, parts)
    etag = hashlib.md5(_md5(PART) + _md5(b"end"), usedforsecurity=False).hexdigest()
    assert output["ETag"] == f'"{etag}-2"'
    assert output["Location"].endswith("/bucket/k")
    assert await s3.get("k") == PART + b"end"
    assert await s3.get("k", Range=f"bytes={len(PART) - 2}-{len(PART)}") == b"ppe"
    head = await s3("HeadObject", Key="k")
    assert (head["ContentType"], head["Metadata"], head["TagCount"]) == (
        "video/x-matroska", {"a": "b"}, 1,
    )  # fmt: skip
    # The part that was not listed is gone, the others lie where they lay.
    assert await s3.blobs() == 1
    assert {info.name for info in await s3.platform.disks.blobs.list()} < names
    await s3("DeleteObject", Key="k")
    assert await s3.blobs() == 0


async def test_completing_again_is_answered_again(s3: S3) -> None:
    where = await _begin(s3)
    parts = [await _part(s3, where, 1, b"x")]
    first = await _complete(s3, where, parts)
    assert await _complete(s3, where, parts) == first
    await s3.put("k", b"y")
    with refused("NoSuchUpload", 404):
        await _complete(s3, where, parts)


async def test_a_part_is_replaced(s3: S3) -> None:
    where = await _begin(s3)
    await _part(s3, where, 1, LARGE)
    parts = [await _part(s3, where, 1, LARGE + b"2")]
    assert await s3.blobs() == 1
    await _complete(s3, where, parts)
    assert await s3.get("k") == LARGE + b"2"


async def test_aborting_leaves_nothing(s3: S3) -> None:
    where = await _begin(s3)
    await _part(s3, where, 1, LARGE)
    await s3("AbortMultipartUpload", **where)
    assert await s3.blobs() == 0
    for operation in ("AbortMultipartUpload", "ListParts"):
        with refused("NoSuchUpload", 404):
            await s3(operation, **where)
    with refused("NoSuchUpload", 404):
        await _part(s3, where, 1, LARGE)
    assert await s3.blobs() == 0


async def test_completions_that_are_refused(s3: S3) -> None:
    where = await _begin(s3)
    one, two = await _part(s3, where, 1, b"small"), await _part(s3, where, 2, b"end")
    with refused("EntityTooSmall") as caught:
        await _complete(s3, where, [one, two])
    assert caught.value.fields["PartNumber"] == 1
    assert caught.value.fields["MinSizeAllowed"] == 5_242_880
    with refused("InvalidPartOrder"):
        await _complete(s3, where, [two, one])
    with refused("InvalidPart"):
        await _complete(s3, where, [{**one, "ETag": '"0"'}])
    with refused("InvalidPart"):
        await _complete(s3, where, [{**one, "PartNumber": 9}])
    with refused("MalformedXML"):
        await _complete(s3, where, [])
    with refused("InvalidRequest"):
        await _complete(s3, where, [one], MpuObjectSize=4)
    with refused("NoSuchUpload", 404):
        await _complete(s3, {**where, "UploadId": "what"}, [one])
    await _complete(s3, where, [one], MpuObjectSize=5)


@pytest.mark.parametrize("number", [0, 10_001])
async def test_part_numbers(s3: S3, number: int) -> None:
    where = await _begin(s3)
    with refused("InvalidArgument"):
        await _part(s3, where, number, b"x")


async def test_conditions_on_completion(s3: S3) -> None:
    await s3.put("k")
    where = await _begin(s3)
    parts = [await _part(s3, where, 1, b"x")]
    with refused("PreconditionFailed", 412):
        await _complete(s3, where, parts, IfNoneMatch="*")
    await s3("DeleteObject", Key="k")
    await _complete(s3, where, parts, IfNoneMatch="*")


async def test_parts_are_got_by_number(s3: S3) -> None:
    where = await _begin(s3, ChecksumAlgorithm="CRC32")
    parts = [await _part(s3, where, 1, PART), await _part(s3, where, 2, b"end")]
    await _complete(s3, where, parts)
    reply = await s3.reply("GetObject", Key="k", PartNumber=2, ChecksumMode="ENABLED")
    assert reply.body is not None
    assert await reply.body.read() == b"end"
    assert (reply.status, reply.output["PartsCount"]) == (206, 2)
    size = len(PART) + 3
    assert reply.output["ContentRange"] == f"bytes {len(PART)}-{size - 1}/{size}"
    assert reply.output["ChecksumCRC32"] == parts[1]["ChecksumCRC32"]
    with refused("InvalidPartNumber", 416):
        await s3("GetObject", Key="k", PartNumber=3)
    with refused("InvalidRequest"):
        await s3("GetObject", Key="k", PartNumber=1, Range="bytes=0-1")
    found = await s3("GetObjectAttributes", Key="k", ObjectAttributes=["ObjectParts"])
    assert [row["Size"] for row in found["ObjectParts"]["Parts"]] == [len(PART), 3]


async def test_composite_checksums(s3: S3) -> None:
    where = await _begin(s3, ChecksumAlgorithm="SHA256")
    parts = [await _part(s3, where, 1, PART), await _part(s3, where, 2, b"end")]
    raw = b"".join(hashlib.sha256(body).digest() for body in (PART, b"end"))
    wanted = base64.b64encode(hashlib.sha256(raw).digest()).decode() + "-2"
    bare = [{k: v for k, v in part.items() if "Checksum" not in k} for part in parts]
    with refused("InvalidRequest") as caught:
        await _complete(s3, where, bare)
    assert "must include the checksum for each part" in caught.value.message
    output = await _complete(s3, where, parts)
    assert (output["ChecksumSHA256"], output["ChecksumType"]) == (wanted, "COMPOSITE")


async def test_full_object_checksums(s3: S3) -> None:
    where = await _begin(s3, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    parts = [await _part(s3, where, 1, PART), await _part(s3, where, 2, b"end")]
    wanted = base64.b64encode(zlib.crc32(PART + b"end").to_bytes(4, "big")).decode()
    with refused("BadDigest"):
        await _complete(s3, where, parts, ChecksumCRC32="AAAAAA==", ChecksumType="FULL_OBJECT")
    output = await _complete(s3, where, parts, ChecksumCRC32=wanted, ChecksumType="FULL_OBJECT")
    assert (output["ChecksumCRC32"], output["ChecksumType"]) == (wanted, "FULL_OBJECT")


@pytest.mark.parametrize(
    "given",
    [
        {"ChecksumType": "COMPOSITE"},
        {"ChecksumAlgorithm": "SHA256", "ChecksumType": "FULL_OBJECT"},
        {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "COMPOSITE"},
    ],
)
async def test_checksums_that_do_not_go_together(s3: S3, given: dict[str, str]) -> None:
    with refused("InvalidRequest"):
        await _begin(s3, **given)


async def test_a_part_with_another_checksum(s3: S3) -> None:
    where = await _begin(s3, ChecksumAlgorithm="CRC32")
    with refused("InvalidRequest") as caught:
        await _part(s3, where, 1, b"x", ChecksumAlgorithm="SHA1")
    assert "expected checksum Type: crc32" in caught.value.message


@given(st.binary(max_size=50), st.binary(max_size=50))
@settings(max_examples=50)
@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME"])
def test_crcs_combine(algorithm: str, first: bytes, second: bytes) -> None:
    def crc(body: bytes) -> int:
        running = checksum(algorithm)
        running.update(body)
        return int.from_bytes(running.digest(), "big")

    assert combine(algorithm, crc(first), crc(second), len(second)) == crc(first + second)


@given(st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=5))
def test_a_checksum_of_parts_is_that_of_the_whole(bodies: list[bytes]) -> None:
    def value(body: bytes) -> str:
        running = checksum("CRC32C")
        running.update(body)
        return encoded(running)

    pairs = [(value(body), len(body)) for body in bodies]
    digest = of_parts("CRC32C", "FULL_OBJECT", pairs, len(pairs))
    assert digest is not None
    assert digest.value == value(b"".join(bodies))


async def test_copied_parts(s3: S3) -> None:
    await s3.put("source", LARGE)
    where = await _begin(s3)
    output = await s3(
        "UploadPartCopy", PartNumber=1, CopySource="bucket/source",
        CopySourceRange="bytes=10-19999", **where,
    )  # fmt: skip
    part = {"PartNumber": 1, "ETag": output["CopyPartResult"]["ETag"]}
    await _complete(s3, where, [part])
    assert await s3.get("k") == LARGE[10:20_000]
    where = await _begin(s3)
    for header in ("bytes=10-", "bytes=0-99999999", "10-20"):
        with refused("InvalidArgument"):
            await s3(
                "UploadPartCopy", PartNumber=1, CopySource="bucket/source",
                CopySourceRange=header, **where,
            )  # fmt: skip


async def test_parts_are_listed(s3: S3) -> None:
    where = await _begin(s3)
    for number in (1, 2, 5):
        await _part(s3, where, number, b"x" * number)
    page = await s3("ListParts", MaxParts=2, **where)
    assert [row["PartNumber"] for row in page["Parts"]] == [1, 2]
    assert (page["IsTruncated"], page["NextPartNumberMarker"]) == (True, 2)
    rest = await s3("ListParts", PartNumberMarker=2, **where)
    assert [(row["PartNumber"], row["Size"]) for row in rest["Parts"]] == [(5, 5)]
    assert rest["IsTruncated"] is False


async def test_uploads_are_listed(s3: S3) -> None:
    begun = []
    for key in ("a/1", "a/2", "b", "b"):
        begun.append((key, (await s3("CreateMultipartUpload", Key=key))["UploadId"]))
        await s3.platform.clock.advance(10)
    page = await s3("ListMultipartUploads", Delimiter="/")
    assert page["CommonPrefixes"] == [{"Prefix": "a/"}]
    assert [row["UploadId"] for row in page["Uploads"]] == [i for k, i in begun if k == "b"]
    seen, given = [], {}
    while True:
        page = await s3("ListMultipartUploads", MaxUploads=1, **given)
        seen += [(row["Key"], row["UploadId"]) for row in page["Uploads"]]
        if not page["IsTruncated"]:
            break
        given = {
            "KeyMarker": page["NextKeyMarker"],
            "UploadIdMarker": page["NextUploadIdMarker"],
        }
    assert seen == begun
