"""Versions: every state of a bucket against a naive model of its documentation."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.testing.platform import MemoryPlatform
from tests.services.s3.support import LARGE, S3, refused


async def _versioned(s3: S3, status: str = "Enabled") -> None:
    await s3("PutBucketVersioning", VersioningConfiguration={"Status": status})


async def test_every_put_keeps_what_was_there(s3: S3) -> None:
    await s3.put("k", b"0")
    await _versioned(s3)
    first = (await s3.put("k", b"1"))["VersionId"]
    second = (await s3.put("k", LARGE))["VersionId"]
    assert await s3.get("k") == LARGE
    assert await s3.get("k", VersionId=first) == b"1"
    assert await s3.get("k", VersionId="null") == b"0"
    assert (await s3("HeadObject", Key="k"))["VersionId"] == second


async def test_a_delete_leaves_a_marker(s3: S3) -> None:
    await _versioned(s3)
    version = (await s3.put("k", b"1"))["VersionId"]
    marker = await s3("DeleteObject", Key="k")
    assert marker["DeleteMarker"] is True
    with refused("NoSuchKey", 404) as caught:
        await s3("GetObject", Key="k")
    assert caught.value.headers["x-amz-delete-marker"] == "true"
    with refused("MethodNotAllowed", 405):
        await s3("GetObject", Key="k", VersionId=marker["VersionId"])
    assert await s3.get("k", VersionId=version) == b"1"
    assert await s3.keys() == []
    with refused("BucketNotEmpty", 409):
        await s3("DeleteBucket")
    undone = await s3("DeleteObject", Key="k", VersionId=marker["VersionId"])
    assert undone == {"DeleteMarker": True, "VersionId": marker["VersionId"]}
    assert await s3.get("k") == b"1"


async def test_suspended_replaces_the_null_version(s3: S3) -> None:
    await _versioned(s3)
    kept = (await s3.put("k", b"1"))["VersionId"]
    await _versioned(s3, "Suspended")
    assert "VersionId" not in await s3.put("k", LARGE)
    assert "VersionId" not in await s3.put("k", b"3")
    assert (await s3("HeadObject", Key="k"))["VersionId"] == "null"
    assert await s3.get("k", VersionId=kept) == b"1"
    assert await s3.blobs() == 0
    assert (await s3("DeleteObject", Key="k"))["VersionId"] == "null"
    listed = await s3("ListObjectVersions")
    assert [row["VersionId"] for row in listed["Versions"]] == [kept]
    assert [row["VersionId"] for row in listed["DeleteMarkers"]] == ["null"]


async def test_versions_that_are_not_there(s3: S3) -> None:
    await _versioned(s3)
    version = (await s3.put("k"))["VersionId"]
    await s3("DeleteObject", Key="k", VersionId=version)
    with refused("NoSuchVersion", 404):
        await s3("GetObject", Key="k", VersionId=version)
    with refused("InvalidArgument") as caught:
        await s3("GetObject", Key="k", VersionId="what")
    assert caught.value.message == "Invalid version id specified"
    assert await s3("DeleteObject", Key="k", VersionId=version) == {"VersionId": version}


async def test_listing_versions_pages(s3: S3) -> None:
    await _versioned(s3)
    put = [(key, (await s3.put(key))["VersionId"]) for key in "aabbb" for _ in range(2)]
    wanted = [(key, version) for key in "ab" for k, version in reversed(put) if k == key]
    seen: list[tuple[str, str]] = []
    given: dict[str, Any] = {}
    while True:
        page = await s3("ListObjectVersions", MaxKeys=3, **given)
        rows = page["Versions"]
        assert len(rows) <= 3
        seen += [(row["Key"], row["VersionId"]) for row in rows]
        if not page["IsTruncated"]:
            break
        given = {
            "KeyMarker": page["NextKeyMarker"],
            "VersionIdMarker": page["NextVersionIdMarker"],
        }
    assert seen == wanted


async def test_versioning_is_shown(s3: S3) -> None:
    assert await s3("GetBucketVersioning") == {}
    await _versioned(s3)
    assert await s3("GetBucketVersioning") == {"Status": "Enabled"}
    with refused("IllegalVersioningConfigurationException"):
        await s3("PutBucketVersioning", VersioningConfiguration={})


@dataclass
class _Model:
    """Versions of one key, newest first: (id, body or None for a delete marker)."""

    status: str = ""
    versions: list[tuple[str, bytes | None]] = field(default_factory=list)

    def put(self, version_id: str, body: bytes | None) -> None:
        if version_id == "null":
            self.versions = [v for v in self.versions if v[0] != "null"]
        self.versions.insert(0, (version_id, body))

    def delete_version(self, version_id: str) -> None:
        self.versions = [v for v in self.versions if v[0] != version_id]


_ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 9)),
        st.tuples(st.just("delete"), st.just(0)),
        st.tuples(st.just("delete version"), st.integers(0, 5)),
        st.tuples(st.just("status"), st.integers(0, 1)),
    ),
    max_size=25,
)


@given(_ACTIONS)
@settings(max_examples=60)
def test_versions_follow_the_model(actions: list[tuple[str, int]]) -> None:
    asyncio.run(_follow(actions))


async def _follow(actions: list[tuple[str, int]]) -> None:
    platform = await MemoryPlatform.start()
    s3, model = S3(platform), _Model()
    await s3("CreateBucket")
    for action, number in actions:
        if action == "put":
            body = LARGE if number == 9 else bytes([number])
            output = await s3.put("k", body)
            model.put(output.get("VersionId", "null"), body)
        elif action == "delete":
            output = await s3("DeleteObject", Key="k")
            if model.status:
                model.put(output["VersionId"], None)
            else:
                model.versions = []
        elif action == "delete version" and model.versions:
            version_id = model.versions[number % len(model.versions)][0]
            await s3("DeleteObject", Key="k", VersionId=version_id)
            model.delete_version(version_id)
        elif action == "status":
            model.status = ("Enabled", "Suspended")[number]
            await _versioned(s3, model.status)
    listed = await s3("ListObjectVersions")
    bodies = {row["VersionId"] for row in listed.get("Versions", ())}
    markers = {row["VersionId"] for row in listed.get("DeleteMarkers", ())}
    assert bodies == {v for v, body in model.versions if body is not None}
    assert markers == {v for v, body in model.versions if body is None}
    for version_id, body in model.versions:
        if body is not None:
            assert await s3.get("k", VersionId=version_id) == body
    newest = model.versions[0][1] if model.versions else None
    assert await s3.keys() == ([] if newest is None else ["k"])
    if newest is not None:
        assert await s3.get("k") == newest
    assert await s3.blobs() == sum(1 for _, body in model.versions if body == LARGE)
    await platform.crash()
