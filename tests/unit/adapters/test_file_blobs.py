from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pileus.adapters import blob_file, folder_flush
from pileus.adapters.file_blobs import FileBlobs
from pileus.ports.blobs import BlobsUnavailable
from pileus.ports.sealer import SealBroken
from pileus.testing import VirtualClock
from pileus.testing.sealing import TagSealer


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[FileBlobs]:
    blobs = FileBlobs(tmp_path, VirtualClock(5_000))
    yield blobs
    await blobs.close()


async def read_all(blobs: FileBlobs, name: str) -> bytes:
    return b"".join([chunk async for chunk in blobs.get(name)])


async def test_the_time_is_the_clocks(blobs: FileBlobs) -> None:
    assert (await blobs.put("a", b"x")).modified_ms == 5_000


async def test_drafts_left_by_a_crash_are_swept(tmp_path: Path) -> None:
    (tmp_path / "drafts").mkdir()
    (tmp_path / "drafts" / "1-7").write_bytes(b"half")
    blobs = FileBlobs(tmp_path, VirtualClock())
    assert list((tmp_path / "drafts").iterdir()) == []
    assert await blobs.list() == []
    await blobs.close()


async def test_etags_are_never_used_twice_though_time_stands_still(tmp_path: Path) -> None:
    etags = set()
    for _ in range(3):
        blobs = FileBlobs(tmp_path, VirtualClock())
        for _ in range(3):
            etags.add((await blobs.put("a", b"same")).etag)
        await blobs.close()
    assert len(etags) == 9


async def test_empty_folders_are_removed(blobs: FileBlobs, tmp_path: Path) -> None:
    await blobs.put("a/b/c", b"1")
    await blobs.put("a/d", b"2")
    await blobs.delete("a/b/c")
    assert [path.name for path in (tmp_path / "names" / "a.d").iterdir()] == ["d.f"]
    await blobs.delete("a/d")
    assert list((tmp_path / "names").iterdir()) == []


async def test_puts_at_the_same_time_share_flushes_of_the_folder(blobs: FileBlobs) -> None:
    await blobs.put("a/0", b"")
    before = blobs._flusher.flushes
    await asyncio.gather(*(blobs.put(f"a/{number}", b"x") for number in range(100)))
    assert blobs._flusher.flushes - before < 90


async def test_a_full_disk_is_told_and_leaves_the_old_state(
    blobs: FileBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await blobs.put("a", b"old")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for call in ("write_all", "flush_file"):
        for body in (b"new", bytes(3 << 20)):
            with monkeypatch.context() as patch:
                patch.setattr(blob_file, call, fail)
                with pytest.raises(BlobsUnavailable, match="No space left"):
                    await blobs.put("a", body)
            assert await read_all(blobs, "a") == b"old"
    await blobs.put("a", b"new")
    assert list((tmp_path / "drafts").iterdir()) == []


async def test_a_name_that_is_not_durable_is_not_acknowledged(
    blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(folder: str) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(folder_flush, "flush_folder", fail)
    with pytest.raises(BlobsUnavailable, match="Input/output"):
        await blobs.put("a", b"x")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw[:40], "not a blob file"),
        (lambda raw: b"X" + raw[1:], "not a blob file"),
        (lambda raw: raw[:9] + b"\xff" + raw[10:], "damaged"),
        (lambda raw: raw[:-1], "shorter"),
    ],
)
async def test_damage_is_told(blobs: FileBlobs, tmp_path: Path, change, message: str) -> None:
    await blobs.put("a", b"content")
    path = tmp_path / "names" / "a.f"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(BlobsUnavailable, match=message):
        await read_all(blobs, "a")


async def test_sealed_chunks_cannot_be_swapped_cut_or_passed_off(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path, VirtualClock(), TagSealer())
    chunk = 1 << 20
    data = b"a" * chunk + b"b" * chunk + b"c"
    info = await blobs.put("acc/x", data)
    assert info.size_bytes == len(data)
    path = tmp_path / "names" / "acc.d" / "x.f"
    raw = path.read_bytes()
    assert b"aaaa" not in raw
    head, stored = raw[:64], chunk + 16
    one, two = raw[64 : 64 + stored], raw[64 + stored : 64 + 2 * stored]
    path.write_bytes(head + two + one + raw[64 + 2 * stored :])
    with pytest.raises(SealBroken):
        await read_all(blobs, "acc/x")
    path.write_bytes(raw)
    path.parent.with_name("other.d").mkdir()
    (path.parent.with_name("other.d") / "x.f").write_bytes(raw)
    with pytest.raises(SealBroken):
        await read_all(blobs, "other/x")
    assert await read_all(blobs, "acc/x") == data
    await blobs.close()
    unsealed = FileBlobs(tmp_path, VirtualClock())
    with pytest.raises(BlobsUnavailable, match="sealed in another way"):
        await read_all(unsealed, "acc/x")
    await unsealed.close()


async def test_an_abandoned_reader_closes_its_file(blobs: FileBlobs) -> None:
    await blobs.put("a", bytes(3 << 20))
    reader = blobs.get("a")
    assert len(await anext(reader)) == 1 << 20
    await reader.aclose()  # type: ignore[attr-defined]
    await blobs.delete("a")
