"""Listings against a naive model, and their small print."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.services.s3.listing import behind
from pileus.testing.platform import MemoryPlatform
from tests.services.s3.support import S3, refused

_TEXT = st.text(alphabet="ab/ü\U0001f600\uffff", max_size=4)
_KEY = st.text(alphabet="ab/ü\U0001f600\uffff", min_size=1, max_size=6)


def _model(keys: list[str], prefix: str, delimiter: str, after: str) -> list[str]:
    """What a whole listing shows, keys and common prefixes, in UTF-8 order."""
    shown = set()
    for key in keys:
        if not key.startswith(prefix):
            continue
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        entry = key if at < 0 else key[: at + len(delimiter)]
        if entry.encode() > after.encode() and key.encode() > after.encode():
            shown.add(entry)
    return sorted(shown, key=str.encode)


@given(
    keys=st.lists(_KEY, max_size=30, unique=True),
    prefix=_TEXT,
    delimiter=st.sampled_from(["", "/", "a", "ab", "ü"]),
    after=_TEXT,
    limit=st.integers(1, 5),
    is_old=st.booleans(),
)
@settings(max_examples=150)
def test_listing_follows_the_model(
    keys: list[str], prefix: str, delimiter: str, after: str, limit: int, is_old: bool
) -> None:
    asyncio.run(_compare(keys, _model(keys, prefix, delimiter, after), {
        "Prefix": prefix, "Delimiter": delimiter, "MaxKeys": limit,
        ("Marker" if is_old else "StartAfter"): after,
    }))  # fmt: skip


async def _compare(keys: list[str], wanted: list[str], given: dict[str, Any]) -> None:
    platform = await MemoryPlatform.start()
    s3 = S3(platform)
    await s3("CreateBucket")
    for key in keys:
        await s3.put(key)
    is_old = "Marker" in given
    seen: list[str] = []
    while True:
        page = await s3("ListObjects" if is_old else "ListObjectsV2", **given)
        entries = [row["Key"] for row in page.get("Contents", ())]
        entries += [row["Prefix"] for row in page.get("CommonPrefixes", ())]
        assert len(entries) <= given["MaxKeys"]
        seen += sorted(entries, key=str.encode)
        if not page["IsTruncated"]:
            break
        if is_old:
            given["Marker"] = page.get("NextMarker") or page["Contents"][-1]["Key"]
        else:
            given["ContinuationToken"] = page["NextContinuationToken"]
    assert seen == wanted
    await platform.crash()


@given(_KEY, _KEY)
def test_behind_is_above_all_that_begin_with_it(prefix: str, rest: str) -> None:
    following = behind(prefix)
    assert following is not None
    assert following.encode() > (prefix + rest).encode()
    assert following.encode() > (prefix + "\U0010ffff" * 3).encode()


def test_behind_the_last_of_all_texts() -> None:
    assert behind("\U0010ffff") is None
    assert behind("a\U0010ffff") == "b"
    assert behind("\ud7ff") == "\ue000"


async def test_a_rolled_up_prefix_is_skipped_and_not_read(s3: S3) -> None:
    for n in range(3):
        for m in range(50):
            await s3.put(f"dir{n}/{m:03}")
    seen = []
    state = s3.platform.kernel.state
    plain = state.read

    def counting(space: Any, fn: Any) -> Any:
        def look(view: Any) -> Any:
            range_ = view.range

            class View:
                get = staticmethod(view.get)

                @staticmethod
                def range(*args: Any, **kwargs: Any) -> Any:
                    rows = range_(*args, **kwargs)
                    seen.extend(rows)
                    return rows

            return fn(View)

        return plain(space, look)

    state.read = counting  # type: ignore[method-assign]
    output = await s3("ListObjectsV2", Delimiter="/")
    assert [row["Prefix"] for row in output["CommonPrefixes"]] == ["dir0/", "dir1/", "dir2/"]
    assert len(seen) < 60


async def test_the_parts_of_an_answer(s3: S3) -> None:
    for key in ("a b", "c/1", "d"):
        await s3.put(key)
    page = await s3(
        "ListObjectsV2", Delimiter="/", MaxKeys=2, EncodingType="url", FetchOwner=True, Prefix=""
    )
    assert page["KeyCount"] == 2
    assert page["IsTruncated"] is True
    assert page["Contents"][0]["Key"] == "a%20b"
    assert page["Contents"][0]["Owner"]["ID"] == "0" * 64
    assert page["CommonPrefixes"] == [{"Prefix": "c/"}]
    rest = await s3("ListObjectsV2", Delimiter="/", ContinuationToken=page["NextContinuationToken"])
    assert [row["Key"] for row in rest["Contents"]] == ["d"]
    assert "Owner" not in rest["Contents"][0]
    old = await s3("ListObjects", MaxKeys=1)
    assert "NextMarker" not in old
    assert old["Contents"][0]["Owner"]["ID"] == "0" * 64
    old = await s3("ListObjects", MaxKeys=1, Delimiter="/")
    assert old["NextMarker"] == "a b"


async def test_no_keys_wanted(s3: S3) -> None:
    await s3.put("a")
    page = await s3("ListObjectsV2", MaxKeys=0)
    assert (page["KeyCount"], page["IsTruncated"]) == (0, False)


async def test_more_than_a_page_is_never_given(s3: S3) -> None:
    for n in range(1005):
        await s3.put(f"{n:04}")
    page = await s3("ListObjectsV2", MaxKeys=5000)
    assert page["KeyCount"] == page["MaxKeys"] == 1000
    rest = await s3("ListObjectsV2", ContinuationToken=page["NextContinuationToken"])
    assert rest["KeyCount"] == 5


@pytest.mark.parametrize(
    "given", [{"ContinuationToken": "what"}, {"MaxKeys": -1}, {"EncodingType": "none"}]
)
async def test_arguments_that_are_refused(s3: S3, given: dict[str, Any]) -> None:
    with refused("InvalidArgument"):
        await s3("ListObjectsV2", **given)
