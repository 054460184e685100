"""Conditional reads, writes, deletes and copies."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.services.s3.support import LARGE, S3, refused

ETAG = '"9dd4e461268c8034f5c8564e155c67a6"'
OTHER = '"00000000000000000000000000000000"'


async def _moment(s3: S3) -> Any:
    return (await s3("HeadObject", Key="k"))["LastModified"]


@pytest.mark.parametrize(
    ("conditions", "status"),
    [
        ({"IfMatch": ETAG}, 200),
        ({"IfMatch": "*"}, 200),
        ({"IfMatch": f"{OTHER}, {ETAG}"}, 200),
        ({"IfMatch": OTHER}, 412),
        ({"IfNoneMatch": OTHER}, 200),
        ({"IfNoneMatch": ETAG}, 304),
        ({"IfNoneMatch": "*"}, 304),
        ({"IfModifiedSince": -1}, 200),
        ({"IfModifiedSince": 0}, 304),
        ({"IfUnmodifiedSince": 0}, 200),
        ({"IfUnmodifiedSince": -1}, 412),
        ({"IfMatch": ETAG, "IfUnmodifiedSince": -1}, 200),
        ({"IfNoneMatch": OTHER, "IfModifiedSince": 0}, 200),
        ({"IfNoneMatch": ETAG, "IfModifiedSince": -1}, 304),
    ],
)
@pytest.mark.parametrize("operation", ["GetObject", "HeadObject"])
async def test_reads(s3: S3, operation: str, conditions: dict[str, Any], status: int) -> None:
    await s3.put("k", b"x")
    moment = await _moment(s3)
    given = {
        name: moment + timedelta(seconds=value) if isinstance(value, int) else value
        for name, value in conditions.items()
    }
    if status == 200:
        await s3(operation, Key="k", **given)
        return
    with refused({304: "NotModified", 412: "PreconditionFailed"}[status], status) as caught:
        await s3(operation, Key="k", **given)
    if status == 304:
        assert caught.value.headers["ETag"] == ETAG


@pytest.mark.parametrize("body", [b"x", LARGE])
async def test_put_only_where_there_is_none(s3: S3, body: bytes) -> None:
    await s3.put("k", body, IfNoneMatch="*")
    with refused("PreconditionFailed", 412) as caught:
        await s3.put("k", body, IfNoneMatch="*")
    assert caught.value.fields == {"Condition": "If-None-Match"}
    await s3("DeleteObject", Key="k")
    await s3.put("k", body, IfNoneMatch="*")
    assert await s3.blobs() == (len(body) > 1)


async def test_put_only_over_what_is_known(s3: S3) -> None:
    with refused("NoSuchKey", 404):
        await s3.put("k", IfMatch=ETAG)
    await s3.put("k", b"x")
    with refused("PreconditionFailed", 412):
        await s3.put("k", b"y", IfMatch=OTHER)
    await s3.put("k", b"y", IfMatch=ETAG)
    assert await s3.get("k") == b"y"


@pytest.mark.parametrize("given", [{"IfNoneMatch": ETAG}, {"IfMatch": "*"}])
async def test_values_that_puts_do_not_take(s3: S3, given: dict[str, str]) -> None:
    with refused("NotImplemented", 501):
        await s3.put("k", **given)


async def test_conditional_delete(s3: S3) -> None:
    await s3.put("k", b"x")
    with refused("PreconditionFailed", 412):
        await s3("DeleteObject", Key="k", IfMatch=OTHER)
    await s3("DeleteObject", Key="k", IfMatch=ETAG)
    assert await s3.keys() == []
    with refused("NoSuchKey", 404):
        await s3("DeleteObject", Key="k", IfMatch=ETAG)


@pytest.mark.parametrize(
    ("conditions", "is_made"),
    [
        ({"CopySourceIfMatch": ETAG}, True),
        ({"CopySourceIfMatch": OTHER}, False),
        ({"CopySourceIfNoneMatch": OTHER}, True),
        ({"CopySourceIfNoneMatch": ETAG}, False),
        ({"CopySourceIfModifiedSince": 0}, False),
        ({"CopySourceIfUnmodifiedSince": 0}, True),
        ({"CopySourceIfUnmodifiedSince": -1}, False),
    ],
)
async def test_copies(s3: S3, conditions: dict[str, Any], is_made: bool) -> None:
    await s3.put("k", b"x")
    moment = await _moment(s3)
    given = {
        name: moment + timedelta(seconds=value) if isinstance(value, int) else value
        for name, value in conditions.items()
    }
    if is_made:
        await s3("CopyObject", Key="c", CopySource="bucket/k", **given)
        assert await s3.get("c") == b"x"
    else:
        with refused("PreconditionFailed", 412):
            await s3("CopyObject", Key="c", CopySource="bucket/k", **given)
